// A client for Doorward's API: every path, parameter and answer is typed by the document that the server serves.

import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths };
export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];
export type TokenPair = Schemas["TokenPair"];

export interface Options {
  /** A tenant's API host: `https://door.example.com`. */
  baseUrl: string;
  /** The app's public id. A browser app may leave it out: its origin names it. */
  client?: string;
  fetch?: typeof globalThis.fetch;
}

export interface Doorward {
  api: Client<paths>;
  /** Takes what a login answered. Tokens stay in memory; a browser's refresh token stays in its cookie. */
  hold(tokens: Pick<TokenPair, "accessToken" | "refreshToken">): void;
  /** The refresh token to put into an app's safe storage; none in a browser. */
  refreshToken(): string | undefined;
  forget(): void;
}

const EXPIRED = "sessionStore.verifyAndDecodeJWT.expiredToken";
const REFRESH = "/api/v1/auth/refresh-tokens";

export function doorward(options: Options): Doorward {
  const send = options.fetch ?? globalThis.fetch;
  const headers: Record<string, string> = options.client ? { "Doorward-Client": options.client } : {};
  let held: { access?: string | undefined; refresh?: string | undefined } = {};
  let renewing: Promise<boolean> | undefined;

  async function renew(): Promise<boolean> {
    const response = await send(options.baseUrl + REFRESH, {
      method: "POST",
      credentials: "include",
      headers: { ...headers, "Content-Type": "application/json", "Idempotency-Key": randomKey() },
      body: JSON.stringify(held.refresh ? { refreshToken: held.refresh } : {}),
    });
    if (!response.ok) return false;
    const pair = (await response.json()) as TokenPair;
    held = { access: pair.accessToken, refresh: pair.refreshToken ?? undefined };
    return true;
  }

  const copies = new Map<string, Request>();
  const bearer: Middleware = {
    onRequest({ request, id }) {
      if (held.access && !request.headers.has("Authorization")) {
        request.headers.set("Authorization", `Bearer ${held.access}`);
        copies.set(id, request.clone());
      }
      return request;
    },
    async onResponse({ response, id }) {
      const copy = copies.get(id);
      copies.delete(id);
      if (response.status !== 401 || !copy) return undefined;
      const problem = (await response.clone().json()) as Problem;
      if (problem.key !== EXPIRED) return undefined;
      // However many calls find the token expired, one of them refreshes and all use what it got.
      renewing ??= renew().finally(() => (renewing = undefined));
      if (!(await renewing)) return undefined;
      const again = new Request(copy);
      again.headers.set("Authorization", `Bearer ${held.access}`);
      return send(again);
    },
    onError({ id }) {
      copies.delete(id);
    },
  };

  const api = createClient<paths>({ baseUrl: options.baseUrl, headers, credentials: "include", fetch: send });
  api.use(bearer);
  return {
    api,
    hold: (tokens) => void (held = { access: tokens.accessToken, refresh: tokens.refreshToken ?? undefined }),
    refreshToken: () => held.refresh,
    forget: () => void (held = {}),
  };
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
