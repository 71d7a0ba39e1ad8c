// Translate each line of stdin on the page of a web export in a headless Chromium, and print the
// results and the times:
//
//   keras-attention export MODEL.tflite --web page --fetch-runtime
//   npm install puppeteer-core
//   CHROMIUM=/usr/bin/chromium node browser.mjs page < lines
//
// The results must be the same as those of `keras-attention-device`.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import puppeteer from "puppeteer-core";

const types = { ".js": "text/javascript", ".html": "text/html", ".wasm": "application/wasm" };

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const file = path.join(process.argv[2], pathname);
  if (!fs.existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" });
  fs.createReadStream(file).pipe(response);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const lines = fs.readFileSync(0, "utf-8").replace(/\n$/, "").split("\n");
const browser = await puppeteer.launch({ args: ["--no-sandbox"], executablePath: process.env.CHROMIUM });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/index.html`);
await page.waitForFunction("window.translator", { timeout: 120_000 });
for (const line of lines) {
  const [whole, streamed] = await page.evaluate(async (text) => {
    let last = "";
    for await (const { soFar } of translator.stream(text)) last = soFar.text;
    return [(await translator.translate(text)).text, last];
  }, line);
  if (whole !== streamed) console.error(`${line}: ${whole} at once, ${streamed} token by token`);
  console.log(whole);
}
const times = await page.evaluate(async (text) => {
  const start = performance.now();
  for (let round = 0; round < 20; round++) await translator.translate(text);
  const middle = performance.now();
  let steps = 0;
  for (let round = 0; round < 20; round++) for await (const soFar of translator.stream(text)) steps++;
  return [(middle - start) / 20, (performance.now() - middle) / steps];
}, lines[0]);
console.error(`${await browser.version()}: ${times[0].toFixed(1)} ms greedy, ${times[1].toFixed(1)} ms per step`);
await browser.close();
server.close();
