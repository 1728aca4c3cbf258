/**
 * Segment pixels of a page under Playwright, led to a running pixel-emulator and judged there.
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

/** Where the emulator is, and what holds for the session of this test. */
export interface PixelOptions {
  /** The URL of its control API; by default $PIXEL_EMULATOR_CONTROL. */
  control?: string;
  /** What one has to know there; by default $PIXEL_EMULATOR_TOKEN. */
  token?: string;
  /** Without these: the port of a `serve` of this user; by default $PIXEL_EMULATOR_PORT, or 8080. */
  port?: number;
  /** Where relative names of files begin; by default the working directory. */
  folder?: string;
  /** Whether calls that no `expect` has judged by the end of the test fail it; "fail" by default. */
  rest?: "fail" | "ignore";
  /** What the control API may be told of a new session; its name begins with this `name`. */
  session?: { name?: string; dialect?: "documented" | "strict"; source?: string[] };
}

/** A call as a scenario file says it: `{ track: "Email Opened", properties: { step: 1 } }`. */
export type Expected = Record<string, unknown>;

/** A call that arrived, and what Segment would make of it. */
export interface Call {
  seq: number;
  /** ISO 8601, in UTC. */
  time: string;
  type: "identify" | "track" | "page" | "screen" | "group" | "alias";
  outcome: "delivered" | "duplicate" | "dropped" | "damaged";
  payload: Record<string, any> | null;
  problems: { code: string; severity: string; path: string; message: string; source: string }[];
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

const WHOLE = ["expect", "steps", "scenarios"]; // what makes an object a whole scenario, and no call
const POLICIES = ["unexpected", "dropped", "damaged", "duplicates", "unhandled"];
const REFUSED: Record<string, string> = {
  undefined: 'is undefined: leave the key out, or write "$absent" if nothing may be there',
  function: 'is a function: write a matcher, such as "$string" or { $in: ["a", "b"] }',
  symbol: "is a symbol: write a text",
  bigint: "is a bigint: write a number, or a text if it is sent as one",
};
const current = new WeakMap<BrowserContext, Pixels>();

/**
 * Lead all that a page, its popups and its workers send to the emulated hosts to a session of its
 * own. To be called before the page is loaded; the end of the context ends the session.
 */
export async function pixels(target: Page | BrowserContext, options: PixelOptions = {}): Promise<Pixels> {
  const context = "context" in target ? target.context() : target;
  const known = current.get(context);
  if (known?.isOpen) return known;
  const opened = failureAt(pixels);
  const found = await Pixels.open(context, { ...options, ...emulator(options, opened) }, opened);
  current.set(context, found);
  return found;
}

/** The pixels of one test. Whatever cannot be trusted, such as a lost request, is an Error. */
export class Pixels {
  /** The name of the session. */
  readonly name: string;
  /** Where clients without a browser send directly: `${url}/v1/pixel/track?data=…`. */
  readonly url: string;
  /** Requests that did not reach the emulator, a sentence each. */
  readonly lost: string[] = [];
  #options: PixelOptions;
  #opened: Error;
  #taken = new WeakSet<Request>();
  #underway = new Set<Promise<void>>();
  #judged = 0;
  #failed = false;
  #end: Promise<void> | undefined;

  /** @internal */
  constructor(told: { name: string; url: string }, options: PixelOptions, opened: Error) {
    this.name = told.name;
    this.url = told.url;
    this.#options = options;
    this.#opened = opened;
  }

  /** @internal */
  static async open(context: BrowserContext, options: PixelOptions, opened: Error): Promise<Pixels> {
    const label = options.session?.name;
    const wanted = JSON.stringify({ ...options.session, ...(label && { name: unique(label) }) });
    const told = await asked(options, "POST", "/sessions", {}, wanted).catch((error: Error) => {
      throw because(opened, error.message);
    });
    const session = new Pixels(told, options, opened);
    const hosts = told.hosts.map((host: string) => host.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const emulated = new RegExp(`^https?://([^/@]*@)?(${hosts.join("|")})\\.?(:\\d+)?(/|\\?|$)`, "i");
    await context.route(emulated, (route) => session.#divert(route));
    for (const event of ["request", "requestfinished", "requestfailed"] as const) {
      context.on(event as "request", (each) => emulated.test(each.url()) && session.#watch(event, each));
    }
    const close = context.close.bind(context);
    let closing = false;
    context.close = async (reason) => {
      closing = true;
      await close(reason); // first: what is sent at the very end counts, too
      if (session.isOpen) await session.close();
    };
    // With the whole browser: nobody waits for this one, and Node ends a process for its Error.
    context.on("close", () => !closing && session.isOpen && session.close());
    return session;
  }

  /** Whether it still takes calls. */
  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /**
   * Wait until a scenario is met, at most as long as it says, or `timeout` milliseconds. It judges
   * all that arrived since the `expect` before. A text names a scenario file; else it is a call, a
   * list of calls, or a whole scenario, in the words of scenario files. `given` are values of
   * variables. Throws an Error with the report once it cannot be met any more.
   */
  async expect(
    wanted: string | Expected | Expected[],
    options: { timeout?: number; given?: Record<string, unknown> } = {},
  ): Promise<void> {
    const failure = failureAt(this.expect);
    try {
      const [text, file] = this.#scenario(wanted, failure);
      const told = await this.#wait(text, { ...options, file, since: this.#judged }, failure);
      if (!told.passed) throw because(failure, told.report);
      this.#judged = told.cursor;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** Wait for one such call, `timeout` milliseconds at most (5,000), and return it; claims nothing. */
  async waitFor(wanted: Expected, options: { timeout?: number } = {}): Promise<Call> {
    const failure = failureAt(this.waitFor);
    const ignoring = Object.fromEntries(POLICIES.map((policy) => [policy, "ignore"]));
    const scenario = { name: "waitFor", ...ignoring, expect: [{ ...wanted, times: "1.." }] };
    const [text, file] = inline(scenario, failure);
    const told = await this.#wait(text, { ...options, file, quiet: 0 }, failure);
    if (!told.passed) throw because(failure, told.report);
    const first = Math.min(...told.verdict.scenarios[0].steps[0].expectations[0].claims);
    return (await this.calls()).find((call) => call.seq === first)!;
  }

  /** The calls that arrived so far, with what Segment would make of each. */
  calls(): Promise<Call[]> {
    return this.#all("calls", failureAt(this.calls));
  }

  /** All that arrived so far, as entries of a recording: also what is no call. */
  requests(): Promise<Record<string, any>[]> {
    return this.#all("requests", failureAt(this.requests));
  }

  /** Forget all that has arrived. */
  async clear(): Promise<void> {
    await this.#ask(failureAt(this.clear), "POST", "/clear");
  }

  /** Write a recording of all that arrived so far. */
  async save(file: string): Promise<void> {
    const failure = failureAt(this.save);
    await Promise.all(this.#underway);
    this.#mustBeWhole(failure);
    fs.writeFileSync(this.#path(file), await this.#ask(failure, "GET", "/recording"));
  }

  /**
   * End the session, as the end of the context does. Throws an Error with the report if calls
   * arrived that no `expect` has judged, or if a request was lost; to a test that has failed
   * already it is attached.
   */
  close(): Promise<void> {
    this.#end ??= this.#close(this.#opened);
    return this.#end;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(failure: Error): Promise<void> {
    const wrong = await this.#judgeTheRest(failure).catch((error: Error) => error);
    const gone = await this.#ask(failure, "DELETE", "").catch((error: Error) => error);
    const told = wrong ?? (this.#failed ? undefined : gone);
    if (!(told instanceof Error)) return;
    const test = await running();
    if (!test || test.status === "passed") throw told;
    await test.attach("pixels", { body: told.message, contentType: "text/plain" }); // a second error is only noise
  }

  async #judgeTheRest(failure: Error): Promise<void> {
    await Promise.all(this.#underway);
    if (this.#failed) return;
    this.#mustBeWhole(failure);
    if (this.#options.rest === "ignore") return;
    const page = await this.#ask(failure, "GET", "/requests", { since: this.#judged });
    if (page.entries.length === 0 && page.gaps.length === 0) return;
    const query = { timeout: 0, quiet: 0, since: this.#judged, file: "the end of the test" };
    const told = await this.#wait(JSON.stringify({ expect: [] }), query, failure);
    if (!told.passed) throw because(failure, told.report);
  }

  #scenario(wanted: string | Expected | Expected[], failure: Error): [string, string] {
    if (typeof wanted === "string") {
      const file = this.#path(wanted);
      try {
        return [fs.readFileSync(file, "utf8"), file];
      } catch (error) {
        throw because(failure, `${wanted}: cannot be read: ${(error as Error).message}`);
      }
    }
    return inline(Array.isArray(wanted) ? { expect: wanted } : whole(wanted), failure);
  }

  async #wait(text: string, options: Record<string, any>, failure: Error): Promise<any> {
    const { timeout, given, ...query } = options;
    if (timeout !== undefined) query["timeout"] = timeout / 1000;
    if (given !== undefined) query["given"] = asJson(given, failure, "given");
    this.#mustBeWhole(failure);
    const told = await this.#ask(failure, "POST", "/wait", query, text);
    told.report = this.#relative(told.report);
    if (!/\.ya?ml$/.test(query["file"])) {
      told.report = told.report.replace(/\n *to accept what happened[^]*$/, ""); // it is for such files
    }
    this.#mustBeWhole(failure);
    return told;
  }

  async #all(what: "calls" | "requests", failure: Error): Promise<any[]> {
    await Promise.all(this.#underway);
    const found: any[] = [];
    for (let since = 0, more = true; more; ) {
      const page = await this.#ask(failure, "GET", `/${what}`, { since });
      found.push(...page.entries);
      ({ cursor: since, more } = page);
    }
    this.#mustBeWhole(failure);
    return found;
  }

  async #ask(
    failure: Error,
    method: string,
    what: string,
    query: Record<string, unknown> = {},
    body = "",
  ): Promise<any> {
    try {
      return await asked(this.#options, method, `/sessions/${this.name}${what}`, query, body);
    } catch (error) {
      throw because(failure, this.#relative((error as Error).message));
    }
  }

  #mustBeWhole(failure: Error): void {
    if (this.lost.length === 0) return;
    this.#failed = true;
    throw because(failure, ["Requests did not reach the emulator:", ...this.lost].join("\n  "));
  }

  #divert(route: Route): Promise<void> {
    const request = route.request();
    this.#taken.add(request);
    const underway = this.#forward(route, request).finally(() => this.#underway.delete(underway));
    this.#underway.add(underway);
    return underway;
  }

  async #forward(route: Route, request: Request): Promise<void> {
    const rest = request.url().replace(/^https?:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
    const target = this.url + (rest.startsWith("/") ? rest : `/${rest}`);
    let answer: Answer;
    try {
      answer = await sent(target, request.method(), request.headers(), request.postDataBuffer());
    } catch (error) {
      this.#lose(request, (error as Error).message);
      return await route.abort().catch(() => undefined);
    }
    await route.fulfill(answer).catch(() => undefined); // the page may be gone; the call is not
  }

  #watch(event: string, request: Request): void {
    if (!this.isOpen || this.#taken.has(request)) return;
    if (request.redirectedFrom()) {
      if (event === "request") this.#lose(request, "page.route() does not see redirects; use the proxy");
    } else if (event !== "request" && request.failure()?.errorText !== "csp") {
      this.#lose(request, "another route took it"); // what a policy of the page blocks is never sent
    }
  }

  #lose(request: Request, why: string): void {
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

/** An Error that points at the line of the test which called `method`. */
function failureAt(method: Function): Error {
  const failure = new Error();
  Error.captureStackTrace(failure, method);
  return failure;
}

/** A scenario as text, with empty lines before it, so that reports name the line of the test. */
function inline(scenario: unknown, failure: Error): [string, string] {
  const place = /\(?([^ (]+):(\d+):\d+\)?$/m.exec(failure.stack ?? "") ?? [];
  const [, file = "expect", line = "1"] = place;
  return ["\n".repeat(Number(line) - 1) + asJson(scenario, failure), file.replace(/^file:\/\//, "")];
}

function whole(wanted: Expected): Expected {
  const isMap = wanted !== null && typeof wanted === "object";
  return isMap && WHOLE.some((word) => word in wanted) ? wanted : { expect: [wanted] };
}

/** Values of a test as JSON. Throws an Error for all that JSON.stringify would drop or change. */
function asJson(value: unknown, failure: Error, path = ""): string {
  const mistakes: string[] = [];
  const said = JSON.stringify(plain(value, path, mistakes));
  if (mistakes.length) throw because(failure, mistakes.join("\n"));
  return said;
}

function plain(value: unknown, path: string, mistakes: string[], above: unknown[] = []): unknown {
  const regex = value instanceof RegExp && !path.startsWith("given") ? asRegex(value) : undefined;
  const wrong = above.includes(value) ? "holds itself" : objection(value, regex);
  if (wrong) mistakes.push(`${path}: ${wrong}`);
  if (wrong || regex) return regex;
  if (value === null || typeof value !== "object") return value;
  above = [...above, value];
  if (Array.isArray(value)) {
    return Array.from(value, (each, index) => plain(each, `${path}[${index}]`, mistakes, above));
  }
  const pairs = Object.entries(value).map(([key, each]) => {
    const step = /^[^\s.[\]"\\]+$/.test(key) ? `${path ? "." : ""}${key}` : `[${JSON.stringify(key)}]`;
    return [key, plain(each, path + step, mistakes, above)];
  });
  return Object.fromEntries(pairs);
}

/** What is wrong with a value, and what to write instead; an empty text for plain data. */
function objection(value: unknown, regex: string | undefined): string {
  const refused = REFUSED[typeof value];
  if (refused) return refused;
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

/** A RegExp in the words of scenario files, if they have them: RE2 always reads Unicode. */
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

/** A name that no session had before: two tests may have one label, and a retry has that of its test. */
function unique(label: string): string {
  return `${label.replace(/[^\w-]+/g, "-").slice(0, 50)}-${randomUUID().slice(0, 13)}`; // of 64 letters
}

/** The test that runs, where Playwright's own runner runs one. */
async function running(): Promise<TestInfo | undefined> {
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
    const found = fs.lstatSync(folder);
    if (found.uid !== uid || found.mode & 0o077) throw new Error(`${folder} is not private`);
    return JSON.parse(fs.readFileSync(path.join(folder, `${port}.json`), "utf8"));
  } catch (error) {
    const serve = `start \`pixel-emulator serve --port ${port}\``;
    const advice = `${serve}, or set PIXEL_EMULATOR_CONTROL and PIXEL_EMULATOR_TOKEN`;
    throw because(opened, `no pixel-emulator is found: ${advice} (${(error as Error).message})`);
  }
}

/** What the control API says: data, or the text of what is no JSON. */
async function asked(
  options: PixelOptions,
  method: string,
  where: string,
  query: Record<string, unknown>,
  body: string,
): Promise<any> {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, `${value}`]));
  const url = `${options.control?.replace(/\/$/, "")}${where}${text.size ? `?${text}` : ""}`;
  const headers = { authorization: `Bearer ${options.token}`, "content-type": "application/json" };
  const answer = await sent(url, method, headers, Buffer.from(body)).catch((error: Error) => {
    throw new Error(`the emulator at ${options.control} does not answer: ${error.message}`);
  });
  const said = answer.body.toString();
  if (answer.status >= 400) {
    const { title, detail, mistakes } = JSON.parse(said);
    throw new Error(mistakes ? detail : `the emulator says: ${title} ${detail}`);
  }
  return answer.headers["content-type"]?.includes("json") ? JSON.parse(said) : said;
}

/** Send a request byte for byte; `fetch` would add headers, and may be led to a proxy. */
function sent(url: string, method: string, headers: Record<string, string>, body: Buffer | null): Promise<Answer> {
  const [, host, port, target] = /^http:\/\/(.*?):(\d+)(.*)$/.exec(url) ?? [];
  const { host: _host, "content-length": _length, connection: _connection, ...kept } = headers;
  if (body?.length) kept["content-length"] = `${body.length}`;
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, path: target, method, headers: kept, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const said = Object.entries(response.headers).map(([name, value]) => [name, `${value}`]);
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(said), body: Buffer.concat(chunks) });
      });
    });
    request.on("error", reject);
    request.end(body ?? undefined);
  });
}
