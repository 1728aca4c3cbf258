import { defineConfig } from "@playwright/test";

// The last flag keeps whatever page.route() cannot see from leaving this machine.
const args = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"];

export default defineConfig({
  fullyParallel: true,
  workers: 2,
  timeout: 20_000,
  reporter: [["list"], ["json", { outputFile: "results.json" }]],
  use: {
    baseURL: process.env["SITE"]!,
    launchOptions: { executablePath: process.env["BROWSER"]!, args },
  },
});
