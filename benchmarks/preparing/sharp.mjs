// As contenders.py, for sharp; `node sharp.mjs exact` does not let it decode below twice the size.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const sharp = createRequire(process.cwd() + "/")("sharp");
const [size, quality, exact] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
sharp.concurrency(1);
sharp.cache(false);

for await (const line of createInterface({ input: process.stdin })) {
  const [path, out] = line.split("\t");
  const photo = readFileSync(path);
  const start = process.cpuUsage();
  const jpeg = await sharp(photo)
    .rotate()
    .resize(size, size, { fit: "cover", fastShrinkOnLoad: exact !== "exact" })
    .jpeg({ quality, chromaSubsampling: "4:4:4" })
    .toBuffer();
  const { user, system } = process.cpuUsage(start);
  if (out) writeFileSync(out, jpeg);
  console.log(JSON.stringify({ seconds: (user + system) / 1e6, crop: null }));
}
