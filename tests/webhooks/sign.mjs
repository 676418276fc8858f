// Headers by which the field's own libraries sign a message: node sign.mjs SCHEME SECRET ID SECONDS BODY
import { sign } from '@octokit/webhooks-methods'
import { Webhook } from 'standardwebhooks'
import Stripe from 'stripe'

const [scheme, secret, id, seconds, body] = process.argv.slice(2)
const at = Number(seconds)
const schemes = {
  standardWebhooks: async () => ({
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': new Webhook(secret).sign(id, new Date(at * 1000), body),
  }),
  gitHub: async () => ({ 'x-hub-signature-256': await sign(secret, body), 'x-github-event': id, 'x-github-delivery': id }),
  stripe: async () => ({
    'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: at }),
  }),
}
console.log(JSON.stringify(await schemes[scheme]()))
