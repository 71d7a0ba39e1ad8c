// Open index.html in a headless Chromium, translate each line of stdin, and print the results:
//
//   npm install @litertjs/core puppeteer-core @sparticuz/chromium
//   node check.mjs MODEL.tflite < lines
//
// The results must be the same as those of `python -m keras_attention.export.device_command`.

import chromium from "@sparticuz/chromium";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import puppeteer from "puppeteer-core";

const here = import.meta.dirname;
const types = { ".js": "text/javascript", ".html": "text/html", ".wasm": "application/wasm" };

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const root = pathname.startsWith("/node_modules/") ? process.cwd() : here;
  const file = pathname === "/model.tflite" ? process.argv[2] : path.join(root, pathname);
  if (!fs.existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" });
  fs.createReadStream(file).pipe(response);
});
await new Promise((ready) => server.listen(0, ready));

const lines = fs.readFileSync(0, "utf-8").replace(/\n$/, "").split("\n");
const executablePath = await chromium.executablePath();
const browser = await puppeteer.launch({ args: [...chromium.args, "--no-sandbox"], executablePath });
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/index.html`);
await page.waitForFunction("window.translator", { timeout: 120_000 });
for (const line of lines) {
  const [whole, streamed] = await page.evaluate(async (text) => {
    let last = "";
    for await (const soFar of translator.stream(text)) last = soFar;
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
