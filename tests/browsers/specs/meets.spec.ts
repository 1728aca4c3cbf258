// What users write, and what passes.
import { expect, test, type Page } from "@playwright/test";
import * as fs from "node:fs";
import { pixels } from "./pixels";
import { img, url } from "./urls";

const body = (page: Page, html: string) => page.setContent(html);

test("signup", async ({ page }) => {
  const s = await pixels(page); // page.route() to the emulator's direct port, its own session: no CA, no proxy
  await page.goto("/signup");
  await s.expect("scenarios/signup.yaml"); // waits, pushed; throws with the report
});

test("each expect verifies what arrived since the one before", async ({ page }) => {
  const s = await pixels(page);
  await body(page, img("A"));
  await s.expect({ track: "A" });
  await body(page, img("B") + img("C"));
  await s.expect([{ track: "B" }, { track: "C" }]);
});

test("a whole scenario, and values of its variables", async ({ page }) => {
  const s = await pixels(page);
  await body(page, img("A", { userId: "user_2" }));
  await s.expect({ let: { user: "" }, expect: [{ track: "A", userId: "$user" }] }, { given: { user: "user_2" } });
});

test("order, within, never and state", async ({ page }) => {
  const s = await pixels(page);
  await body(page, img("A", { userId: "user_2" }));
  await s.waitFor({ track: "A" });
  await body(page, img("B", { userId: "user_2" }));
  await s.expect({
    order: "listed",
    within: "5s",
    expect: [
      { track: "A", id: "a", userId: "$string" },
      { track: "B", after: "a", within: "1min" },
    ],
    never: [{ track: /^Err/ }],
    state: { user_2: { events: { A: 1, B: "$int" } } },
  });
  await s.expect({ never: [{ track: "A" }] });
});

test("what a scenario file uses is found beside it", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/signup");
  await s.expect("scenarios/uses.yaml");
});

test("a call is waited for, and claimed by nobody", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/later"); // the page sends when its button is clicked
  const [call] = await Promise.all([s.waitFor({ track: "Clicked" }), page.click("button")]);
  expect([call.seq, call.type, call.outcome, call.payload?.["userId"]]).toEqual([1, "track", "delivered", "user_1"]);
  await s.expect({ track: "Clicked" });
});

test("calls, requests, clear, save", async ({ page }, info) => {
  const s = await pixels(page);
  await body(page, img("A") + `<img src="https://api.segment.io/v1/nothing">`);
  await s.waitFor({ track: "A" });
  await expect.poll(async () => (await s.requests()).length).toBe(2);
  expect((await s.calls()).map((each) => each.payload?.["event"])).toEqual(["A"]);
  await s.save(info.outputPath("calls.yaml"));
  expect(fs.readFileSync(info.outputPath("calls.yaml"), "utf8")).toContain("event: A");
  await s.clear();
  expect(await s.calls()).toEqual([]);
  await body(page, img("B"));
  await s.expect({ track: "B" });
});

test("the bytes of a request stay as the browser has them", async ({ page }) => {
  const s = await pixels(page, { rest: "ignore" });
  const query = "?event=A+%2b%7E~%zz;'()!&x=%C3%A9%20|é &&=";
  await page.goto("/empty");
  const sent = await page.evaluate(async (query) => {
    const image = new Image();
    const ended = new Promise((resolve) => (image.onload = image.onerror = resolve));
    image.src = `https://api.segment.io/v1/pixel/track${query}#fragment`;
    await ended;
    return { url: image.src, agent: navigator.userAgent, from: location.origin };
  }, query);
  const [entry] = await s.requests();
  expect(entry!["request"].method).toBe("GET");
  expect(entry!["request"].url.replace(/^[^?]*/, "")).toBe(sent.url.replace(/^[^?]*|#.*$/g, ""));
  const { headers } = entry!["request"];
  expect(headers["user-agent"]).toBe(sent.agent);
  expect(headers["referer"]).toBe(`${sent.from}/`);
  expect(headers["accept"]).toContain("image/");
});

test("HEAD and sendBeacon are what they were", async ({ page }) => {
  const s = await pixels(page, { rest: "ignore" });
  await page.goto("/empty");
  await page.evaluate((to) => fetch(to, { method: "HEAD", mode: "no-cors" }), url("Head"));
  await page.evaluate((to) => navigator.sendBeacon(to, "some text"), url("Beacon"));
  await expect.poll(async () => (await s.requests()).map((each) => each["request"].method)).toEqual(["HEAD", "POST"]);
});

test("the page gets the answer of the emulator", async ({ page }) => {
  const s = await pixels(page);
  await body(page, img("A"));
  const size = await page.locator("img").evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]);
  expect(size).toEqual([1, 1]);
  await s.expect({ track: "A" });
});

test("popups, frames and workers are led there, too", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/many");
  await s.expect(["Frame", "Popup", "Worker"].map((track) => ({ track })));
});

test("a service worker is led there, too", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/serviced");
  await s.expect({ track: "Serviced" });
});

test("two contexts do not mix", async ({ browser }) => {
  const each = async (event: string) => {
    const context = await browser.newContext();
    const s = await pixels(context);
    await body(await context.newPage(), img(event));
    await s.expect({ track: event });
    await context.close();
  };
  await Promise.all([each("A"), each("B"), each("C")]);
});

test("one context has one session, until it is closed", async ({ page }) => {
  const s = await pixels(page);
  expect(await pixels(page.context())).toBe(s);
  await s.close();
  const next = await pixels(page);
  expect(next.name).not.toBe(s.name);
  await body(page, img("A"));
  await next.expect({ track: "A" });
});

test("the name of a session is a label, which others may have, too", async ({ browser }) => {
  const [a, b] = [await browser.newContext(), await browser.newContext()];
  const options = { session: { name: `sign up: ${"ü".repeat(99)} ${"x".repeat(99)}` } };
  const [first, second] = [await pixels(a, options), await pixels(b, options)];
  expect(first.name).toMatch(/^sign-up-x+-[0-9a-f-]{13}$/);
  expect(first.name).not.toBe(second.name);
});

test("await using closes it", async ({ page }) => {
  let name: string;
  {
    await using s = await pixels(page);
    name = s.name;
  }
  expect((await pixels(page)).name).not.toBe(name);
});

test("what a policy of the page blocks is no call, and not lost", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/forbidden");
  await page.goto("/signup");
  await s.expect({ track: "Signed Up" });
});

test("other hosts are left alone", async ({ page }) => {
  const s = await pixels(page);
  await page.goto("/signup");
  await s.expect({ track: "Signed Up" });
  expect(await page.title()).toBe("signup");
});

test("a test may look at the calls by itself", async ({ page }) => {
  const s = await pixels(page, { rest: "ignore", session: { source: ["web=another_key"] } });
  await body(page, img("A"));
  await s.waitFor({ dropped: "unknown_source" });
});

test("a regex is one of scenario files", async ({ page }) => {
  const s = await pixels(page);
  await body(page, img("Signed Up", { properties: { plan: "Pro\nplus", path: "/a/b" } }));
  const properties = { plan: /^pro.PLUS$/is, path: /\/a\//u };
  await s.expect({ track: /^Sign/, properties: { ...properties, path: { $not: /free/m }, coupon: "$absent" } });
});

test("what JSON cannot say is refused with its path", async ({ page }) => {
  const s = await pixels(page, { rest: "ignore" });
  await body(page, img("Signed Up", { properties: { plan: "pro" } }));
  class Price {
    value = 5;
  }
  const round: Record<string, unknown> = {};
  round["again"] = [round, round];
  const refused: [unknown, string][] = [
    [undefined, "is undefined: leave the key out"],
    [(plan: string) => plan === "free", "is a function"],
    [Symbol("free"), "is a symbol"],
    [NaN, "is NaN"],
    [-Infinity, "is -Infinity"],
    [5n, "is a bigint: write a number"],
    [new Map([["a", 1]]), "is a Map"],
    [new Date(0), "is a Date"],
    [new Price(), "is a Price"],
    [expect.objectContaining({ plan: "free" }), "is a matcher of another library (ObjectContaining)"],
    [/pro/g, "is /pro/g: a regex stands for"],
  ];
  for (const [plan, said] of refused) {
    const told = `expect[0].properties["the plan"][1]: ${said}`;
    await expect(s.expect({ track: "Signed Up", properties: { "the plan": ["a", plan] } })).rejects.toThrow(told);
    await expect(s.waitFor({ track: "Signed Up", userId: plan })).rejects.toThrow(`expect[0].userId: ${said}`);
    await expect(s.expect([], { given: { plan } })).rejects.toThrow(`given.plan: ${said}`);
  }
  await expect(s.expect({ page: "Signup", userId: undefined, name: NaN })).rejects.toThrow(
    /^expect\[0\]\.userId: .*\nexpect\[0\]\.name: /,
  );
  await expect(s.expect([], { given: { plan: /pro/ } })).rejects.toThrow("given.plan: is /pro/");
  await expect(s.expect({ track: "A", properties: round })).rejects.toThrow("properties.again[0]: holds itself");
  const plain = Object.assign(Object.create(null), { plan: "pro" });
  await s.expect({ track: "Signed Up", properties: plain });
});
