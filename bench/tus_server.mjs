// The reference server for tus on a folder: node tus_server.mjs FOLDER PORT
import {Server} from '@tus/server'
import {FileStore} from '@tus/file-store'

const [directory, port] = process.argv.slice(2)
const server = new Server({path: '/files', datastore: new FileStore({directory})})
server.listen({host: '127.0.0.1', port: Number(port)})
