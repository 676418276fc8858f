// Better Auth with e-mail and password over node:http and PostgreSQL: what its guide has one write, and nothing more.
// Its limiter is off, as ours is lifted: one address asks it all.
import http from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import pg from "pg";

const { PORT, DATABASE_URL } = process.env;
const settings = {
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: crypto.randomUUID() + crypto.randomUUID(),
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 20 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
};
const { runMigrations } = await getMigrations(settings);
await runMigrations();
const answer = toNodeHandler(betterAuth(settings));
http
  .createServer((request, response) => (request.url === "/ready" ? response.end("yes") : answer(request, response)))
  .listen(Number(PORT), "127.0.0.1");
