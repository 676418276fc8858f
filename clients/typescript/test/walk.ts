// A session's life through the typed client, against the server that the environment names.

import { doorward } from "../src/index.js";

declare const process: { env: Record<string, string | undefined> };

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function same(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}

const door = doorward({ baseUrl: given("DOORWARD_URL"), client: given("DOORWARD_CLIENT") });

const current = await door.api.GET("/api/v1/multitenant/current");
same(current.data?.tenant.name, given("DOORWARD_TENANT"), "the tenant");

const closed = await door.api.GET("/api/v1/session/list");
same(closed.response.status, 401, "without a token");
same(closed.error?.key, "sessionStore.verifyAndDecodeJWT.missingToken", "without a token");

door.hold({ accessToken: given("DOORWARD_EXPIRED"), refreshToken: given("DOORWARD_REFRESH") });
const [one, other] = await Promise.all([
  door.api.GET("/api/v1/session/list"),
  door.api.GET("/api/v1/session/list"),
]);
same(one.data?.sessions.length, 1, "an expired token is renewed on the way");
same(other.data?.sessions[0]?.isCurrentSession, true, "and once for all who wait");
same(door.refreshToken()?.startsWith("dwr_1_"), true, "there is a refresh token to go on with");

const foreign = await door.api.POST("/api/v1/session/logout", {
  body: { sessionId: "0199d3a0-7b1c-7000-8000-000000000001" },
});
same(foreign.error?.key, "authSession.logout.unknown", "a session of nobody");

const out = await door.api.POST("/api/v1/auth/logout", { body: {} });
same(out.data?.success, true, "logout");
const after = await door.api.GET("/api/v1/session/list");
same(after.response.status, 401, "after logout");

console.log("walked");
