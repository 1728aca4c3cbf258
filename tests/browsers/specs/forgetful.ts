// A script that forgets to close its session: the end of the browser verifies what is left.
import { chromium } from "@playwright/test";
import { pixels } from "./pixels.ts";

const executablePath = process.env["BROWSER"]!;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
await pixels(page);
await page.goto(process.env["SITE"]! + process.argv[2]);
await browser.close();
console.log("closed");
