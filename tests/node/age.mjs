// node age.mjs decrypt IDENTITY < file.age > file        node age.mjs encrypt RECIPIENT < file > file.age
import { readFileSync, writeFileSync } from "node:fs";
import { Decrypter, Encrypter } from "age-encryption";

const [verb, key] = process.argv.slice(2);
const content = new Uint8Array(readFileSync(0));
if (verb === "decrypt") {
  const decrypter = new Decrypter();
  decrypter.addIdentity(key);
  writeFileSync(1, await decrypter.decrypt(content, "uint8array"));
} else {
  const encrypter = new Encrypter();
  encrypter.addRecipient(key);
  writeFileSync(1, await encrypter.encrypt(content));
}
