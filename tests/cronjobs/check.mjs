// Reads [{expression, zone, from, count}] and tells, of each, the next times as seconds since 1970, as far as it finds them.
import { readFileSync } from 'node:fs'
import { CronExpressionParser } from 'cron-parser'

const times = ({ expression, zone, from, count }) => {
  const times = CronExpressionParser.parse(expression, { currentDate: from, tz: zone })
  const found = []
  try {
    while (found.length < count) found.push(Math.floor(times.next().getTime() / 1000))
  } catch (error) {
    // It looks no further than some ten thousand steps.
    if (!/loop limit/.test(error.message)) throw error
  }
  return found
}
console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(times)))
