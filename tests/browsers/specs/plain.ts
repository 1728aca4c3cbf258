// Playwright as a library, without a test runner: `node plain.ts PATH SCENARIO`, with Node 22.18 and newer.
import { chromium } from "@playwright/test";
import { pixels } from "./pixels.ts";

const executablePath = process.env["BROWSER"]!;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
const s = await pixels(page);
try {
  await page.goto(process.env["SITE"]! + process.argv[2]);
  await s.expect(process.argv[3]!);
  console.log("met");
} finally {
  await s.close();
  await browser.close();
}
