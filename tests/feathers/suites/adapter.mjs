// The suite that Feathers holds its own database adapters to, asked through the unmodified client of a server.
//
// The suite chooses paging and whether several records may be meant by setting options of the service between calls. A
// client has no such options, so they are sent as parts of the path.
import { adapterTests } from '@feathersjs/adapter-tests'
import * as errors from '@feathersjs/errors'

import { connected } from './connect.mjs'

const PATH = 'conf/:multi/:paginate/people'
const METHODS = ['create', 'patch', 'remove']

const { app, close } = await connected(process.env)
const service = app.service(PATH)
service.id = 'id'
service.events = ['testing']
// Beside the client's own, such as its headers.
Object.assign((service.options ??= {}), { multi: false, paginate: {} })

service.hooks({
  before: {
    all: [
      (context) => {
        const options = { ...service.options, ...context.params.adapter }
        const paginate = context.params.paginate ?? options.paginate
        context.params.route = { multi: several(options.multi), paginate: paging(paginate) }
      }
    ]
  }
})

function several(multi) {
  const methods = multi === true ? METHODS : multi || []
  return methods.length ? methods.join('+') : 'none'
}

function paging(paginate) {
  if (!paginate || !paginate.default) return 'none'
  return paginate.max ? `${paginate.default}-${paginate.max}` : `${paginate.default}`
}

// Every test that there is.
const all = { includes: () => true, forEach: () => {} }

after(close)
adapterTests(all)(app, errors, PATH, 'id')
