import { setTimeout as sleep } from 'node:timers/promises'
import { MINUTE } from '../../src/clock.ts'

// On a machine with much else to do.
const LONGEST_WAIT = 2 * MINUTE
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 160

/** Asks again and again, less and less often, until there is an answer. */
export async function until<T>(ask: () => Promise<{ readonly value: T } | undefined>): Promise<T> {
  const start = performance.now()
  for (let pause = FIRST_PAUSE; ; pause = Math.min(1.5 * pause, LONGEST_PAUSE)) {
    const answer = await ask()
    if (answer !== undefined) return answer.value
    if (performance.now() - start > LONGEST_WAIT) throw new Error('waited too long')
    await sleep(pause)
  }
}
