// A Feathers application whose services are those of a running server.
import { feathers } from '@feathersjs/feathers'
import rest from '@feathersjs/rest-client'

export async function connected({ DOORWARD_URL, DOORWARD_CLIENT, DOORWARD_TOKEN }) {
  const app = feathers()
  const headers = { 'Doorward-Client': DOORWARD_CLIENT, Authorization: `Bearer ${DOORWARD_TOKEN}` }
  app.configure(rest(`${DOORWARD_URL}/api/v1`).fetch(fetch, { headers }))
  return { app, close: () => {} }
}
