// Pixel URLs, as an application builds them.
export const KEY = "wk_test_0000000000000000";

export function url(event: string, more: Record<string, unknown> = {}): string {
  const call = { writeKey: KEY, userId: "user_1", event, ...more };
  return `https://api.segment.io/v1/pixel/track?data=${Buffer.from(JSON.stringify(call)).toString("base64url")}`;
}

export function img(event: string, more: Record<string, unknown> = {}): string {
  return `<img src="${url(event, more)}" alt="">`;
}
