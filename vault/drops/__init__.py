"""File requests: somebody without an account sends files into one bundle, and can read nothing there.

A request is *open* until it ends: by its time, by word, with its maker's leave to add documents, or when its bundle gets a
new key. Whoever has its link (and its password, if it has one) sends files of the types it asks for, over days and from
several devices, and gets a signed receipt. A file *comes*, is *waiting* once it has arrived whole, and is *taken in*, a
document like any other, when the next member opens the bundle. Until it has arrived it is also locked for its sender, who
goes on with it; afterwards for the members of the bundle alone. When a request ends, what has not arrived ends with it.

Members who may add documents make requests and end them; supervisors and controllers of the office see and end them all.
"""
