// What an unmodified Feathers client is promised over Socket.IO: logins, live changes, and that both end when they should.
import assert from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'

import authentication from '@feathersjs/authentication-client'
import { feathers } from '@feathersjs/feathers'
import socketio from '@feathersjs/socketio-client'
import { io } from 'socket.io-client'

const { URL, CLIENT, EMAIL, PASSWORD, ADMIN, PLAIN, OTHER, OTHER_CLIENT } = process.env
const open = []

afterEach(() => open.splice(0).forEach((socket) => socket.close()))

function connect(auth = { client: CLIENT }, options = {}) {
  const socket = io(URL, { auth, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, ...options })
  open.push(socket)
  const app = feathers()
  app.configure(socketio(socket))
  app.configure(authentication())
  return { app, socket }
}

const ready = (socket) => until(socket, 'connect')

function until(emitter, event, within = 5000) {
  return new Promise((resolve, reject) => {
    const late = globalThis.setTimeout(() => reject(new Error(`no ${event}`)), within)
    emitter.once(event, (...told) => {
      clearTimeout(late)
      resolve(told)
    })
  })
}

const login = (app) => app.authenticate({ strategy: 'local', email: EMAIL, password: PASSWORD })

function rest(token, path, init = {}) {
  const headers = { authorization: `Bearer ${token}`, 'doorward-client': CLIENT, 'content-type': 'application/json' }
  return fetch(`${URL}/api/v1/${path}`, { ...init, headers })
}

describe('authentication', () => {
  for (const transports of [['polling', 'websocket'], ['polling'], ['websocket']]) {
    it(`logs in over ${transports}, and after logout its token is dead everywhere`, async () => {
      const { app } = connect({ client: CLIENT }, { transports })
      await assert.rejects(app.service('users').find(), { name: 'NotAuthenticated', code: 401 })

      const { accessToken, user, authentication } = await login(app)
      assert.equal(user.passwordLogin.email, EMAIL)
      assert.equal(authentication.strategy, 'local')
      assert.equal(authentication.payload.sub, user.id)
      assert.equal((await app.service('users').get(user.id)).id, user.id)
      assert.equal((await rest(accessToken, `users/${user.id}`)).status, 200)

      await app.logout()
      await assert.rejects(app.service('users').find(), { name: 'NotAuthenticated' })
      assert.equal((await rest(accessToken, `users/${user.id}`)).status, 401)
      const again = connect()
      const jwt = { strategy: 'jwt', accessToken }
      await assert.rejects(again.app.authenticate(jwt), { name: 'NotAuthenticated' })
    })
  }

  it('goes on with a token of its own, and is given another one', async () => {
    const first = connect()
    const { accessToken } = await login(first.app)
    const second = connect()
    const answer = await second.app.authenticate({ strategy: 'jwt', accessToken })
    assert.notEqual(answer.accessToken, accessToken)
    assert.equal(answer.authentication.strategy, 'jwt')
    assert.equal((await rest(answer.accessToken, 'users')).status, 200)
  })

  it('is logged in again by itself after its socket was dropped', async () => {
    const { app, socket } = connect()
    await login(app)
    const back = until(app, 'login')
    socket.io.engine.close()
    await back
    assert.ok((await app.service('users').find()).total >= 1)
  })

  it('says the same of every wrong login', async () => {
    const { app } = connect()
    const wrong = { name: 'NotAuthenticated', code: 401 }
    await assert.rejects(app.authenticate({ strategy: 'local', email: EMAIL, password: 'wrong' }), wrong)
    await assert.rejects(app.authenticate({ strategy: 'local', email: 'no@example.com', password: 'x' }), wrong)
    await assert.rejects(app.authenticate({ strategy: 'pigeon' }), { code: 422 })
    await assert.rejects(app.authenticate({}), { code: 422 })
  })

  it('takes a token with the greeting, and refuses one that is none', async () => {
    const { app } = connect({ client: CLIENT, token: ADMIN })
    assert.ok((await app.service('users').find()).total >= 1)
    const refused = connect({ client: CLIENT, token: 'x.y.z' })
    const [error] = await until(refused.socket, 'connect_error')
    assert.equal(error.data.code, 401)
  })

  it('has five sockets in a session and no more', async () => {
    const first = connect()
    const { accessToken } = await login(first.app)
    const jwt = { strategy: 'jwt', accessToken }
    for (let more = 0; more < 4; more += 1) await connect().app.authenticate(jwt)
    await assert.rejects(connect().app.authenticate(jwt), { name: 'TooManyRequests' })
  })
})

describe('calls', () => {
  it('say what is wrong with them', async () => {
    const { socket } = connect({ client: CLIENT, token: ADMIN })
    const call = (...words) => new Promise((resolve) => socket.emit(...words, resolve))
    assert.equal((await call('find', 'planets', {})).code, 404)
    assert.equal((await call('explode', 'users', {})).code, 405)
    assert.equal((await call('get', 'users', { $ne: null }, {})).code, 400)
    assert.equal((await call('get', 'users', [], {})).code, 400)
    assert.equal((await call('find', 'users', {}, {}, {})).code, 400)
    assert.equal((await call('find', { path: 'users' }, {})).code, 400)
    assert.equal((await call('find', 'users', { $where: 1 })).code, 400)
    assert.equal((await call('get', 'users', 7, {})).code, 404)
    assert.equal((await call('remove', 'users', null, {})).code, 405)
    assert.equal((await call('disable', 'users', { id: 'x' }, {})).code, 404)
  })

  it('have a size, over a WebSocket too', async () => {
    const { socket } = connect({ client: CLIENT, token: ADMIN }, { transports: ['websocket'] })
    const call = (...words) => new Promise((resolve) => socket.emit(...words, resolve))
    assert.equal((await call('find', 'x'.repeat(60_000), {})).code, 404)
    const gone = until(socket, 'disconnect', 2000)
    socket.emit('find', 'x'.repeat(66_000), {})
    await gone
  })

  it('need the rights that a request needs', async () => {
    const { app } = connect({ client: CLIENT, token: PLAIN })
    await assert.rejects(app.service('users').find(), { name: 'Forbidden' })
    await assert.rejects(app.service('roles').create({ identifier: 'owner' }), { name: 'Forbidden' })
  })
})

describe('changes', () => {
  const change = (id, name) =>
    rest(ADMIN, `users/${id}`, { method: 'PATCH', body: JSON.stringify({ name }) }).then((reply) =>
      assert.equal(reply.status, 200)
    )

  it('are told to those who may see them, and to nobody else', async () => {
    const [one, two] = [connect({ client: CLIENT, token: ADMIN }), connect({ client: CLIENT, token: ADMIN })]
    const plain = connect({ client: CLIENT, token: PLAIN })
    const other = connect({ client: OTHER_CLIENT, token: OTHER })
    await Promise.all([one, two, plain, other].map(({ socket }) => ready(socket)))
    const strangers = []
    plain.socket.onAny((...told) => strangers.push(told))
    other.socket.onAny((...told) => strangers.push(told))
    const { data } = await one.app.service('users').find({ query: { email: EMAIL } })

    const told = Promise.all([one, two].map(({ app }) => until(app.service('users'), 'patched')))
    await change(data[0].id, 'Ada Byron')
    for (const [row] of await told) {
      assert.equal(row.id, data[0].id)
      assert.equal(row.name, 'Ada Byron')
      assert.ok(!JSON.stringify(row).includes('argon2'))
    }
    await pause(300)
    assert.deepEqual(strangers, [])
  })

  it('are told of a role from its making to its end', async () => {
    const { app, socket } = connect({ client: CLIENT, token: ADMIN })
    await ready(socket)
    const roles = app.service('roles')
    const created = until(roles, 'created')
    const { id } = await roles.create({ identifier: 'guest' })
    assert.equal((await created)[0].id, id)
    const removed = until(roles, 'removed')
    await roles.remove(id)
    assert.equal((await removed)[0].id, id)
  })

  it('are told afterwards to one who was away', async () => {
    const { app, socket } = connect({ client: CLIENT, token: ADMIN })
    await ready(socket)
    const users = app.service('users')
    const { data } = await users.find({ query: { email: EMAIL } })
    const first = until(users, 'patched')
    await change(data[0].id, 'One')
    await first

    const names = []
    users.on('patched', (row) => names.push(row.name))
    socket.io.engine.close()
    await change(data[0].id, 'Two')
    await ready(socket)
    assert.ok(socket.recovered)
    await change(data[0].id, 'Three')
    await pause(300)
    // A row is told as it is when it is told.
    assert.equal(names.at(-1), 'Three')
    assert.equal(names.length, 2)
  })

  it('end with the session, within two seconds', async () => {
    const { app, socket } = connect()
    const { user } = await login(app)
    const gone = until(socket, 'disconnect', 2000)
    const { data } = await (await rest(ADMIN, `sessions?userId=${user.id}&revokedAt=`)).json()
    for (const { id } of data) await rest(ADMIN, `sessions/${id}`, { method: 'DELETE' })
    const [reason] = await gone
    // So that the client comes back and is told that it has to log in.
    assert.notEqual(reason, 'io server disconnect')
  })
})
