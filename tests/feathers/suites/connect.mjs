// A Feathers application whose services are those of a running server.
import { feathers } from '@feathersjs/feathers'
import rest from '@feathersjs/rest-client'
import socketio from '@feathersjs/socketio-client'
import { io } from 'socket.io-client'

export async function connected({ DOORWARD_URL, DOORWARD_CLIENT, DOORWARD_TOKEN, DOORWARD_TRANSPORT }) {
  const app = feathers()
  if (DOORWARD_TRANSPORT === 'socket') {
    const socket = io(DOORWARD_URL, { auth: { client: DOORWARD_CLIENT, token: DOORWARD_TOKEN } })
    app.configure(socketio(socket))
    return { app, socket, close: () => socket.close() }
  }
  const headers = { 'Doorward-Client': DOORWARD_CLIENT, Authorization: `Bearer ${DOORWARD_TOKEN}` }
  app.configure(rest(`${DOORWARD_URL}/api/v1`).fetch(fetch, { headers }))
  return { app, close: () => {} }
}
