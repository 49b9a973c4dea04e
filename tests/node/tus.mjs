// Sends files with tus-js-client, side by side, and prints their addresses as JSON.
import { createReadStream, statSync } from "node:fs";
import * as tus from "tus-js-client";

const order = JSON.parse(process.argv[2]);

function send(path) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(createReadStream(path), {
      endpoint: order.endpoint,
      headers: { Cookie: order.cookie },
      metadata: order.metadata,
      chunkSize: order.chunkSize ?? 1_000_000_000,
      uploadSize: statSync(path).size,
      uploadDataDuringCreation: order.uploadDataDuringCreation ?? false,
      overridePatchMethod: order.overridePatchMethod ?? false,
      retryDelays: Array(30).fill(10),
      urlStorage: new tus.FileUrlStorage(order.storage),
      onError: reject,
      onSuccess: () => resolve(upload.url),
      onChunkComplete: async (_size, accepted) => {
        if (order.abortAfter && accepted >= order.abortAfter) {
          await upload.abort();
          resolve(upload.url);
        }
      },
    });
    begin(upload).catch(reject);
  });
}

async function begin(upload) {
  if (order.resume) {
    const [previous] = await upload.findPreviousUploads();
    upload.resumeFromPreviousUpload(previous);
  }
  upload.start();
}

const places = await Promise.all(order.files.map(send));
console.log(JSON.stringify(places));
