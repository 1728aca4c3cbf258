// What the compiler says of scenarios: it knows each key.
import type { CallPattern, ExpectedCall, Pixels, Scenario } from "./pixels";

export async function right(s: Pixels): Promise<void> {
  await s.expect("scenarios/signup.yaml");
  await s.expect({ track: "A", properties: { a: [/^x/, { $in: ["a"] }] }, times: "1.." });
  await s.expect([{ "one-of": [{ track: "A" }, { page: null }] }, { any: "identify" }]);
  await s.expect({ never: [{ track: "A" }], unexpected: "same-event", damaged: { accept: ["raw_json"] } });
  await s.waitFor({ track: "A", request: { form: "flat" } });
}

// @ts-expect-error
export const call: ExpectedCall = { trakc: "A" };
// @ts-expect-error
export const facts: ExpectedCall = { track: "A", request: { from: "flat" } };
// @ts-expect-error
export const waited: CallPattern = { track: "A", times: 2 };
// @ts-expect-error
export const key: Scenario = { expect: [{ track: "A" }], ordr: "any" };
// @ts-expect-error
export const word: Scenario = { expect: [{ track: "A" }], order: "sorted" };

export async function wrong(s: Pixels): Promise<void> {
  // @ts-expect-error
  await s.expect({ track: "A", propertis: {} });
  // @ts-expect-error
  await s.expect({ expect: [], nevr: [] });
}
