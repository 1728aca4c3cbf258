/**
 * Segment pixels of a page under Playwright, sent to a running pixel-emulator and verified there.
 *
 *   import { pixels } from "./pixels";
 *   test("signup", async ({ page }) => {
 *     const s = await pixels(page);
 *     await page.goto("/signup");
 *     await s.expect("scenarios/signup.yaml");
 *   });
 *
 * Needs `pixel-emulator serve` on this machine, but no CA and no proxy. Printed by
 * `pixel-emulator client playwright-ts`; Node 22.18 and newer also run it as it is.
 */
import type { BrowserContext, Page, Request, Route, TestInfo } from "@playwright/test";
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import * as os from "node:os";
import * as path from "node:path";

/** Location of the emulator, and settings for the session of this test. */
export interface PixelOptions {
  /** The URL of its control API; by default $PIXEL_EMULATOR_CONTROL. */
  control?: string;
  /** The token of its control API; by default $PIXEL_EMULATOR_TOKEN. */
  token?: string;
  /** If these are not set: the port of this user's `serve`; by default $PIXEL_EMULATOR_PORT, or 8080. */
  port?: number;
  /** Base of relative file names; by default the working directory. */
  folder?: string;
  /** Calls that no `expect` has verified by the end of the test fail it, or not; "fail" by default. */
  rest?: "fail" | "ignore";
  /** The control API's settings of a new session; its name begins with this `name`. */
  session?: { name?: string; dialect?: "documented" | "strict"; source?: string[] };
}

export type CallType = "identify" | "track" | "page" | "screen" | "group" | "alias";
export type Level = "fail" | "warn" | "ignore";
export type Order = "any" | "listed" | "strict";

/** The HTTP request of a call. */
export interface RequestFacts {
  host?: unknown;
  path?: unknown;
  form?: unknown;
  alphabet?: unknown;
  padded?: unknown;
  user_agent?: unknown;
  referer?: unknown;
  client?: unknown;
  fetch?: unknown;
  http?: unknown;
}

/** One shape of a call. A value is plain, a matcher such as "$string" or { $in: ["a", "b"] }, or a RegExp. */
export interface CallFields {
  identify?: unknown;
  track?: unknown;
  page?: unknown;
  screen?: unknown;
  group?: unknown;
  alias?: unknown;
  any?: CallType | null;
  dropped?: string | null;
  type?: CallType;
  userId?: unknown;
  anonymousId?: unknown;
  event?: unknown;
  name?: unknown;
  category?: unknown;
  writeKey?: unknown;
  source?: unknown;
  properties?: unknown;
  traits?: unknown;
  previousId?: unknown;
  groupId?: unknown;
  context?: unknown;
  integrations?: unknown;
  messageId?: unknown;
  channel?: unknown;
  version?: unknown;
  timestamp?: unknown;
  sentAt?: unknown;
  originalTimestamp?: unknown;
  receivedAt?: unknown;
  request?: RequestFacts;
  note?: string;
}

/** A call in the notation of scenario files: `{ track: "Email Opened", properties: { step: 1 } }`. */
export interface ExpectedCall extends CallFields {
  "one-of"?: CallFields[];
  times?: number | string;
  id?: string;
  after?: string;
  within?: string;
}

/** A call to wait for. */
export type CallPattern = Omit<ExpectedCall, "times" | "id" | "after" | "within">;

/** An item of `steps`. */
export interface Step {
  name?: string;
  client?: string;
  do?: unknown;
  expect?: ExpectedCall[];
  never?: ExpectedCall[];
  order?: Order;
  within?: string;
  quiet?: string;
  since?: "start";
}

/** A scenario, or with `scenarios` several of them, in the notation of scenario files. */
export interface Scenario {
  name?: string;
  tags?: string[];
  let?: Record<string, unknown> | string[];
  cases?: Record<string, unknown>[];
  given?: { profiles?: Record<string, unknown>; clock?: string; seed?: number };
  client?: string;
  do?: unknown;
  expect?: ExpectedCall[];
  never?: ExpectedCall[];
  steps?: Step[];
  order?: Order;
  within?: string;
  quiet?: string;
  deny?: { contains?: unknown; in?: string; except?: string[]; because?: string }[];
  state?: Record<string, Record<string, unknown>>;
  plan?: string | Record<string, string>;
  unexpected?: Level | "same-event";
  dropped?: Level;
  damaged?: Level | { accept?: string[] };
  duplicates?: Level;
  unhandled?: Level;
  use?: string[];
  define?: Record<string, unknown>;
  defaults?: Record<string, unknown>;
  scenarios?: Scenario[];
}

/** A call that arrived, and what Segment would make of it. */
export interface Call {
  seq: number;
  /** ISO 8601, in UTC. */
  time: string;
  type: CallType;
  outcome: "delivered" | "duplicate" | "dropped" | "damaged";
  payload: Record<string, any> | null;
  problems: { code: string; severity: string; path: string; message: string; source: string }[];
}

interface Response {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

// What makes an object a whole scenario, and no call.
const SCENARIO_KEYS = ["expect", "steps", "scenarios", "never", "deny", "state", "plan"];
const POLICIES = ["unexpected", "dropped", "damaged", "duplicates", "unhandled"];
const UNSUPPORTED: Record<string, string> = {
  undefined: 'is undefined: leave the key out, or write "$absent" if nothing may be there',
  function: 'is a function: write a matcher, such as "$string" or { $in: ["a", "b"] }',
  symbol: "is a symbol: write a text",
  bigint: "is a bigint: write a number, or a text if it is sent as one",
};
const current = new WeakMap<BrowserContext, Pixels>();

/**
 * Redirect what a page, its popups and its workers send to the emulated hosts to a new session.
 * Call it before the page is loaded. The session ends with the context.
 */
export async function pixels(target: Page | BrowserContext, options: PixelOptions = {}): Promise<Pixels> {
  const context = "context" in target ? target.context() : target;
  const existing = current.get(context);
  if (existing?.isOpen) return existing;
  const opened = failureAt(pixels);
  const created = await Pixels.open(context, { ...options, ...emulator(options, opened) }, opened);
  current.set(context, created);
  return created;
}

/** The pixels of one test. Missing evidence, such as a lost request, is an Error. */
export class Pixels {
  /** The name of the session. */
  readonly name: string;
  /** Base of the URLs for clients without a browser: `${url}/v1/pixel/track?data=…`. */
  readonly url: string;
  /** A sentence for each request that did not reach the emulator. */
  readonly lost: string[] = [];
  #options: PixelOptions;
  #opened: Error;
  #handled = new WeakSet<Request>();
  #forwarding = new Set<Promise<void>>();
  #verified = 0;
  #failed = false;
  #end: Promise<void> | undefined;

  /** @internal */
  constructor(created: { name: string; url: string }, options: PixelOptions, opened: Error) {
    this.name = created.name;
    this.url = created.url;
    this.#options = options;
    this.#opened = opened;
  }

  /** @internal */
  static async open(context: BrowserContext, options: PixelOptions, opened: Error): Promise<Pixels> {
    const label = options.session?.name;
    const settings = JSON.stringify({ ...options.session, ...(label && { name: unique(label) }) });
    const created = await request(options, "POST", "/sessions", {}, settings).catch((error: Error) => {
      throw because(opened, error.message);
    });
    const session = new Pixels(created, options, opened);
    const hosts = created.hosts.map((host: string) => host.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const emulated = new RegExp(`^https?://([^/@]*@)?(${hosts.join("|")})\\.?(:\\d+)?(/|\\?|$)`, "i");
    await context.route(emulated, (route) => session.#handle(route));
    for (const event of ["request", "requestfinished", "requestfailed"] as const) {
      context.on(event as "request", (request) => emulated.test(request.url()) && session.#watch(event, request));
    }
    const close = context.close.bind(context);
    let closing = false;
    context.close = async (reason) => {
      closing = true;
      await close(reason); // first: requests sent on closing count, too
      if (session.isOpen) await session.close();
    };
    // If the whole browser is closed, nothing awaits this promise, and its Error ends the process.
    context.on("close", () => !closing && session.isOpen && session.close());
    return session;
  }

  /** True until the session ends. */
  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /**
   * Wait until a scenario is met, for the time that it allows, or `timeout` milliseconds. It
   * verifies everything that arrived since the previous `expect`. A string names a scenario file;
   * otherwise give a call, a list of calls, or a whole scenario, in the notation of scenario files.
   * `given` are values of variables. Throws an Error with the report once it cannot be met.
   */
  async expect(
    expected: string | ExpectedCall | ExpectedCall[] | Scenario,
    options: { timeout?: number; given?: Record<string, unknown> } = {},
  ): Promise<void> {
    const failure = failureAt(this.expect);
    try {
      const [text, file] = this.#scenario(expected, failure);
      const result = await this.#wait(text, { ...options, file, since: this.#verified }, failure);
      if (!result.passed) throw because(failure, result.report);
      this.#verified = result.cursor;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** Wait for one such call, at most `timeout` milliseconds (5,000), and return it. Claims nothing. */
  async waitFor(expected: CallPattern, options: { timeout?: number } = {}): Promise<Call> {
    const failure = failureAt(this.waitFor);
    const ignoring = Object.fromEntries(POLICIES.map((policy) => [policy, "ignore"]));
    const scenario = { name: "waitFor", ...ignoring, expect: [{ ...expected, times: "1.." }] };
    const [text, file] = inline(scenario, failure);
    const result = await this.#wait(text, { ...options, file, quiet: 0 }, failure);
    if (!result.passed) throw because(failure, result.report);
    const first = Math.min(...result.verdict.scenarios[0].steps[0].expectations[0].claims);
    return (await this.calls()).find((call) => call.seq === first)!;
  }

  /** The calls that arrived so far, each with what Segment would make of it. */
  calls(): Promise<Call[]> {
    return this.#all("calls", failureAt(this.calls));
  }

  /** All requests so far, calls or not, as entries of a recording. */
  requests(): Promise<Record<string, any>[]> {
    return this.#all("requests", failureAt(this.requests));
  }

  /** Forget everything that has arrived. */
  async clear(): Promise<void> {
    await this.#request(failureAt(this.clear), "POST", "/clear");
  }

  /** Write a recording of everything that arrived so far. */
  async save(file: string): Promise<void> {
    const failure = failureAt(this.save);
    await Promise.all(this.#forwarding);
    this.#checkComplete(failure);
    fs.writeFileSync(this.#path(file), await this.#request(failure, "GET", "/recording"));
  }

  /**
   * End the session, as the end of the context does. Throws an Error with the report if calls
   * arrived that no `expect` has verified, or if a request was lost; if the test has failed already,
   * the report is attached to it instead.
   */
  close(): Promise<void> {
    this.#end ??= this.#close(this.#opened);
    return this.#end;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(failure: Error): Promise<void> {
    const unverified = await this.#verifyRest(failure).catch((error: Error) => error);
    const ended = await this.#request(failure, "DELETE", "").catch((error: Error) => error);
    const error = unverified ?? (this.#failed ? undefined : ended);
    if (!(error instanceof Error)) return;
    const test = await runningTest();
    if (!test || test.status === "passed") throw error;
    await test.attach("pixels", { body: error.message, contentType: "text/plain" }); // no second error
  }

  async #verifyRest(failure: Error): Promise<void> {
    await Promise.all(this.#forwarding);
    if (this.#failed) return;
    this.#checkComplete(failure);
    if (this.#options.rest === "ignore") return;
    const page = await this.#request(failure, "GET", "/requests", { since: this.#verified });
    if (page.entries.length === 0 && page.gaps.length === 0) return;
    const query = { timeout: 0, quiet: 0, since: this.#verified, file: "the end of the test" };
    const result = await this.#wait(JSON.stringify({ expect: [] }), query, failure);
    if (!result.passed) throw because(failure, result.report);
  }

  #scenario(expected: string | ExpectedCall | ExpectedCall[] | Scenario, failure: Error): [string, string] {
    if (typeof expected === "string") {
      const file = this.#path(expected);
      try {
        return [fs.readFileSync(file, "utf8"), file];
      } catch (error) {
        throw because(failure, `${expected}: cannot be read: ${(error as Error).message}`);
      }
    }
    return inline(Array.isArray(expected) ? { expect: expected } : asScenario(expected), failure);
  }

  async #wait(text: string, options: Record<string, any>, failure: Error): Promise<any> {
    const { timeout, given, ...query } = options;
    if (timeout !== undefined) query["timeout"] = timeout / 1000;
    if (given !== undefined) query["given"] = asJson(given, failure, "given");
    this.#checkComplete(failure);
    const result = await this.#request(failure, "POST", "/wait", query, text);
    result.report = this.#relative(result.report);
    if (!/\.ya?ml$/.test(query["file"])) {
      result.report = result.report.replace(/\n *to accept what happened[^]*$/, ""); // it can rewrite only such files
    }
    this.#checkComplete(failure);
    return result;
  }

  async #all(collection: "calls" | "requests", failure: Error): Promise<any[]> {
    await Promise.all(this.#forwarding);
    const entries: any[] = [];
    for (let since = 0, more = true; more; ) {
      const page = await this.#request(failure, "GET", `/${collection}`, { since });
      entries.push(...page.entries);
      ({ cursor: since, more } = page);
    }
    this.#checkComplete(failure);
    return entries;
  }

  async #request(
    failure: Error,
    method: string,
    path: string,
    query: Record<string, unknown> = {},
    body = "",
  ): Promise<any> {
    try {
      return await request(this.#options, method, `/sessions/${this.name}${path}`, query, body);
    } catch (error) {
      throw because(failure, this.#relative((error as Error).message));
    }
  }

  #checkComplete(failure: Error): void {
    if (this.lost.length === 0) return;
    this.#failed = true;
    throw because(failure, ["Requests did not reach the emulator:", ...this.lost].join("\n  "));
  }

  #handle(route: Route): Promise<void> {
    const request = route.request();
    this.#handled.add(request);
    const forwarding = this.#forward(route, request).finally(() => this.#forwarding.delete(forwarding));
    this.#forwarding.add(forwarding);
    return forwarding;
  }

  async #forward(route: Route, request: Request): Promise<void> {
    const target = request.url().replace(/^https?:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
    const url = this.url + (target.startsWith("/") ? target : `/${target}`);
    let response: Response;
    try {
      response = await send(url, request.method(), request.headers(), request.postDataBuffer());
    } catch (error) {
      this.#reportLost(request, (error as Error).message);
      return await route.abort().catch(() => undefined);
    }
    await route.fulfill(response).catch(() => undefined); // the page may be closed; the call is recorded
  }

  #watch(event: string, request: Request): void {
    if (!this.isOpen || this.#handled.has(request)) return;
    if (request.redirectedFrom()) {
      if (event === "request") this.#reportLost(request, "page.route() does not see redirects; use the proxy");
    } else if (event !== "request" && request.failure()?.errorText !== "csp") {
      this.#reportLost(request, "another route took it"); // requests blocked by the page's CSP are never sent
    }
  }

  #reportLost(request: Request, why: string): void {
    const place = request.url().replace(/[?#].*$/s, ""); // the query holds the write key
    this.lost.push(`${request.method()} ${place}: ${why}`);
  }

  #path(file: string): string {
    return path.resolve(this.#options.folder ?? "", file);
  }

  #relative(report: string): string {
    return report.replaceAll(this.#path("") + path.sep, "");
  }
}

/** An Error with the stack of the test that called `method`. */
function failureAt(method: Function): Error {
  const failure = new Error();
  Error.captureStackTrace(failure, method);
  return failure;
}

/** A scenario as text; empty lines before it make reports name the line of the test. */
function inline(scenario: unknown, failure: Error): [string, string] {
  const place = /\(?([^ (]+):(\d+):\d+\)?$/m.exec(failure.stack ?? "") ?? [];
  const [, file = "expect", line = "1"] = place;
  return ["\n".repeat(Number(line) - 1) + asJson(scenario, failure), file.replace(/^file:\/\//, "")];
}

function asScenario(expected: ExpectedCall | Scenario): unknown {
  const isMap = expected !== null && typeof expected === "object";
  return isMap && SCENARIO_KEYS.some((key) => key in expected) ? expected : { expect: [expected] };
}

/** Values of a test as JSON. Throws an Error for each that JSON.stringify would drop or change. */
function asJson(value: unknown, failure: Error, path = ""): string {
  const issues: string[] = [];
  const text = JSON.stringify(jsonValue(value, path, issues));
  if (issues.length) throw because(failure, issues.join("\n"));
  return text;
}

function jsonValue(value: unknown, path: string, issues: string[], above: unknown[] = []): unknown {
  const regex = value instanceof RegExp && !path.startsWith("given") ? asRegex(value) : undefined;
  const issue = above.includes(value) ? "holds itself" : issueOf(value, regex);
  if (issue) issues.push(`${path}: ${issue}`);
  if (issue || regex) return regex;
  if (value === null || typeof value !== "object") return value;
  above = [...above, value];
  if (Array.isArray(value)) {
    return Array.from(value, (item, index) => jsonValue(item, `${path}[${index}]`, issues, above));
  }
  const pairs = Object.entries(value).map(([key, member]) => {
    const step = /^[^\s.[\]"\\]+$/.test(key) ? `${path ? "." : ""}${key}` : `[${JSON.stringify(key)}]`;
    return [key, jsonValue(member, path + step, issues, above)];
  });
  return Object.fromEntries(pairs);
}

/** What is wrong with a value, and what to write instead; an empty string for plain data. */
function issueOf(value: unknown, regex: string | undefined): string {
  const unsupported = UNSUPPORTED[typeof value];
  if (unsupported) return unsupported;
  if (typeof value === "number" && !Number.isFinite(value)) return `is ${value}: write "$number"`;
  if (value === null || typeof value !== "object" || regex || Array.isArray(value)) return "";
  const kind = value.constructor?.name ?? "object";
  if ("asymmetricMatch" in value) {
    return `is a matcher of another library (${kind}): write "$any", { $has: "a" } or plain values (of maps a part)`;
  }
  if (value instanceof RegExp) {
    return `is ${value}: a regex stands for no value of a variable, and may have the flags i, m, s and u`;
  }
  if (value instanceof Date) return 'is a Date: write the text that is sent, or "$iso"';
  const above = Object.getPrototypeOf(value); // another realm has an Object.prototype of its own
  const isPlain = above === null || Object.getPrototypeOf(above) === null;
  return isPlain ? "" : `is a ${kind}: write a plain object, list or text`;
}

/** A RegExp as scenario files write it, if its flags have an equivalent. RE2 always reads Unicode. */
function asRegex({ source, flags }: RegExp): string | undefined {
  if (/[^imsu]/.test(flags)) return undefined;
  const inside = flags.replace(/[iu]/g, "");
  return `$/${inside && `(?${inside})`}${source}/${flags.includes("i") ? "i" : ""}`;
}

function because(failure: Error, message: string): Error {
  failure.message = message.trimEnd();
  failure.stack = `Error: ${failure.message}\n${(failure.stack ?? "").replace(/^[^]*?\n(?=    at )/, "")}`;
  return failure;
}

/** A new session name: two tests may have the same label, and a retry has that of its test. */
function unique(label: string): string {
  return `${label.replace(/[^\w-]+/g, "-").slice(0, 50)}-${randomUUID().slice(0, 13)}`; // at most 64 characters
}

/** The running test, if Playwright's own runner runs one. */
async function runningTest(): Promise<TestInfo | undefined> {
  if (process.env["TEST_WORKER_INDEX"] === undefined) return undefined;
  return import("@playwright/test").then(({ test }) => test.info()).catch(() => undefined);
}

/** The emulator that the environment names, or a `serve` of this user. */
function emulator(options: PixelOptions, opened: Error): { control: string; token: string } {
  const control = options.control ?? process.env["PIXEL_EMULATOR_CONTROL"];
  const token = options.token ?? process.env["PIXEL_EMULATOR_TOKEN"];
  if (control && token) return { control, token };
  const { uid } = os.userInfo();
  const port = options.port ?? process.env["PIXEL_EMULATOR_PORT"] ?? 8080;
  const folder = path.join(os.tmpdir(), `pixel-emulator-${uid}`);
  try {
    const status = fs.lstatSync(folder);
    if (status.uid !== uid || status.mode & 0o077) throw new Error(`${folder} is not private`);
    return JSON.parse(fs.readFileSync(path.join(folder, `${port}.json`), "utf8"));
  } catch (error) {
    const serve = `start \`pixel-emulator serve --port ${port}\``;
    const advice = `${serve}, or set PIXEL_EMULATOR_CONTROL and PIXEL_EMULATOR_TOKEN`;
    throw because(opened, `no pixel-emulator is found: ${advice} (${(error as Error).message})`);
  }
}

/** Send a request to the control API and return its data, or its text if that is no JSON. */
async function request(
  options: PixelOptions,
  method: string,
  path: string,
  query: Record<string, unknown>,
  body: string,
): Promise<any> {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, `${value}`]));
  const url = `${options.control?.replace(/\/$/, "")}${path}${text.size ? `?${text}` : ""}`;
  const headers = { authorization: `Bearer ${options.token}`, "content-type": "application/json" };
  const response = await send(url, method, headers, Buffer.from(body)).catch((error: Error) => {
    throw new Error(`the emulator at ${options.control} does not answer: ${error.message}`);
  });
  const content = response.body.toString();
  if (response.status >= 400) {
    const { title, detail, mistakes } = JSON.parse(content);
    throw new Error(mistakes ? detail : `the emulator says: ${title} ${detail}`);
  }
  return response.headers["content-type"]?.includes("json") ? JSON.parse(content) : content;
}

/** Send a request unchanged; `fetch` would add headers, and may use a proxy. */
function send(url: string, method: string, headers: Record<string, string>, body: Buffer | null): Promise<Response> {
  const [, host, port, target] = /^http:\/\/(.*?):(\d+)(.*)$/.exec(url) ?? [];
  const { host: _host, "content-length": _length, connection: _connection, ...kept } = headers;
  if (body?.length) kept["content-length"] = `${body.length}`;
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, path: target, method, headers: kept, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        const texts = Object.entries(headers).map(([name, value]) => [name, `${value}`]);
        resolve({ status, headers: Object.fromEntries(texts), body: Buffer.concat(chunks) });
      });
    });
    request.on("error", reject);
    request.end(body ?? undefined);
  });
}
