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
  const signal = await firstSignal()
  logger.info({ signal }, 'stopping; a second signal stops at once')
  await daemon.stop()
  logger.info('stopped')
}

/** Resolves at the first signal to stop; the second one ends the process. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true
    const take = (signal: NodeJS.Signals): void => {
      if (!isFirst) process.exit(1)
      isFirst = false
      resolve(signal)
    }
    // These listeners stay: while git runs execa listens too, and ends the process when it finds itself alone.
    process.on('SIGINT', take)
    process.on('SIGTERM', take)
  })
}
