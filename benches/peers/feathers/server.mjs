// Feathers on koa with its own authentication (local and JWT) and knex on PostgreSQL, at its defaults.
import { authenticate, AuthenticationService, JWTStrategy } from "@feathersjs/authentication";
import { LocalStrategy, passwordHash } from "@feathersjs/authentication-local";
import { feathers } from "@feathersjs/feathers";
import { KnexService } from "@feathersjs/knex";
import { bodyParser, errorHandler, koa, parseAuthentication, rest } from "@feathersjs/koa";
import { hooks, resolve } from "@feathersjs/schema";
import knex from "knex";

const { PORT, DATABASE_URL } = process.env;
const database = knex({ client: "pg", connection: DATABASE_URL, pool: { min: 0, max: 20 } });
if (!(await database.schema.hasTable("users"))) {
  await database.schema.createTable("users", (table) => {
    table.increments("id");
    table.string("email").notNullable().unique();
    table.string("password").notNullable();
  });
}

const app = koa(feathers());
app.set("authentication", {
  entity: "user",
  service: "users",
  secret: crypto.randomUUID() + crypto.randomUUID(),
  authStrategies: ["jwt", "local"],
  jwtOptions: { header: { typ: "access" }, audience: "http://127.0.0.1", algorithm: "HS256", expiresIn: "1d" },
  local: { usernameField: "email", passwordField: "password" },
});
app.use(errorHandler());
app.use(async (context, next) => {
  if (context.path !== "/ready") return next();
  context.body = "yes";
});
app.use(parseAuthentication());
app.use(bodyParser());
app.configure(rest());

const authentication = new AuthenticationService(app);
authentication.register("jwt", new JWTStrategy());
authentication.register("local", new LocalStrategy());
app.use("authentication", authentication);
app.use("users", new KnexService({ Model: database, name: "users", paginate: { default: 10, max: 50 } }), {
  methods: ["get", "create"],
});
const hidden = resolve({ password: async () => undefined });
const hashed = resolve({ password: passwordHash({ strategy: "local" }) });
app.service("users").hooks({
  around: { all: [hooks.resolveExternal(hidden)], get: [authenticate("jwt")] },
  before: { create: [hooks.resolveData(hashed)] },
});
await app.listen(Number(PORT), "127.0.0.1");
