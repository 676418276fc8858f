// Verifies one message by its secret, and shows that a changed one is refused.
import { HTTP } from 'cloudevents'
import { Webhook } from 'standardwebhooks'

const [headers, body, webhook] = [JSON.parse(process.env.HEADERS), process.env.BODY, new Webhook(process.argv[2])]
// The sender's clock stands at another day; its age is still looked at.
Date.now = () => (Number(headers['webhook-timestamp']) + 30) * 1000
webhook.verify(body, headers)
let changed = false
try {
  webhook.verify(body.replace('user', 'usee'), headers)
} catch {
  changed = true
}
const event = HTTP.toEvent({ headers, body })
event.validate()
console.log(`${event.type} verified, ${changed ? 'a changed one refused' : 'and so is a changed one'}`)
