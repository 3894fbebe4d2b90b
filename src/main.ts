import { loadConfig } from './config.ts'
import { systemClock } from './clock.ts'
import { startDaemon } from './daemon.ts'
import { explain } from './domain-error.ts'
import { createLogger } from './log.ts'
import { ConfigError } from './settings.ts'

// The process edge: environment, signals and exit code. Everything else is in `daemon.ts`.

try {
  await run()
} catch (error) {
  if (error instanceof ConfigError) process.stderr.write(`reposync: ${error.message}\n`)
  else process.stderr.write(`reposync: ${explain(error)}\n`)
  process.exitCode = 1
}

async function run(): Promise<void> {
  const config = loadConfig({ env: process.env, cwd: process.cwd() })
  const logger = createLogger(config.log.level)
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error that nobody handles; the service stops and must be started again')
    process.exit(1)
  })
  const daemon = await startDaemon(config, { clock: systemClock, logger })
  const signal = await nextSignal()
  logger.info({ signal }, 'stopping; a second signal stops at once')
  process.once('SIGINT', () => process.exit(1))
  process.once('SIGTERM', () => process.exit(1))
  await daemon.stop()
  logger.info('stopped')
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
