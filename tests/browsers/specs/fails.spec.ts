// What has to fail, and how that reads: the output is a golden file.
import { expect, test } from "@playwright/test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { pixels } from "./pixels";
import { img } from "./urls";



test("a call that is different", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Sined Up"));
  await s.expect("scenarios/signup.yaml", { timeout: 500 });
});

test("an inline call that was never sent", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent("<p>nothing");
  await s.expect({ track: "Signed Up" }, { timeout: 50 });
});

test("waiting stops when it is in vain", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Signed Out"));
  await s.expect("scenarios/once.yaml"); // would wait for a minute
});

test("a call that comes after the last expect", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Signed Up"));
  await s.expect({ track: "Signed Up" });
  await page.setContent(img("Late"));
});

test("calls that no expect has verified", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Signed Up"));
  await s.waitFor({ track: "Signed Up" });
});

test("a call that Segment would drop", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Signed Up", { userId: "" }));
  await s.expect({ track: "Signed Up" }, { timeout: 500 });
});

test("waiting for a call that does not come", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Signed In"));
  await s.waitFor({ track: "Signed Up" }, { timeout: 50 });
});

test("a redirect that page.route cannot see", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/redirecting");
  await page.setContent(img("Signed Up"));
  await s.expect({ track: "Signed Up" });
});

test("another route that takes the request", async ({ page }) => {
  const s = await pixels(page);
  await page.route("**/v1/pixel/**", (route) => route.fulfill({ body: "" }));
  await page.setContent(img("Signed Up") + img("Signed In"));
  await s.expect({ track: "Signed Up" });
});

test("what is lost fails also a test that looks at its calls by itself", async ({ page }) => {
  await pixels(page, { rest: "ignore" });
  await page.goto("/redirecting");
});

test("an emulator that has gone", async ({ page }) => {
  const [python, ...words] = process.env["SERVE"]!.split(" ");
  const emulator = spawn(python!, words, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(emulator.stdout, "data");
  const { control, token } = JSON.parse(`${line}`);
  const s = await pixels(page, { control, token });
  emulator.kill("SIGTERM");
  await once(emulator, "exit");
  await page.setContent(img("Signed Up"));
  await s.expect({ track: "Signed Up" });
});

test("a file that is not there", async ({ page }) => {
  const s = await pixels(page);
  await s.expect("scenarios/sgnup.yaml");
});

test("a file with a mistake", async ({ page }) => {
  const s = await pixels(page);
  await s.expect("scenarios/mistaken.yaml");
});

test("an inline call with a mistake", async ({ page }) => {
  const s = await pixels(page);
  await page.setContent(img("Signed In"));
  await s.expect({ trak: "Signed Up" } as object);
});

test("a wrong token", async ({ page }) => {
  await pixels(page, { token: "wrong" });
});

test("no emulator anywhere", async ({ page }) => {
  delete process.env["PIXEL_EMULATOR_CONTROL"];
  await pixels(page, { port: 1 });
});

test("what the test itself finds wrong", async ({ page }) => {
  await pixels(page);
  await page.setContent(img("Signed In"));
  expect(await page.locator("img").count()).toBe(2);
});
