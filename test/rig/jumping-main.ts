import { z } from 'zod'
import { loadConfig } from '../../src/config.ts'
import { startDaemon } from '../../src/daemon.ts'
import { createLogger } from '../../src/log.ts'
import { createJumpingClock } from './jumping-clock.ts'

// The daemon as `main.ts` starts it, but with a clock that its parent can move on: `{ jumpMs: 60000 }`.

const Message = z.object({ jumpMs: z.number() })

const config = loadConfig({ env: process.env, cwd: process.cwd() })
const clock = createJumpingClock(Number(process.env['CLOCK_AHEAD_MS'] ?? 0))
const daemon = await startDaemon(config, { clock, logger: createLogger(config.log.level) })
process.on('message', (message) => {
  clock.jump(Message.parse(message).jumpMs)
  process.send?.('noted')
})
// As in `main.ts` this listener stays: execa ends the process where it finds itself alone.
process.on('SIGTERM', () => {
  if (process.connected) process.disconnect()
  void daemon.stop()
})
