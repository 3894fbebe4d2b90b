import { dirname } from 'node:path'
import { execa } from 'execa'
import { SECOND } from '../clock.ts'
import type { RemoteAccess } from './environment.ts'
import { gitEnvironment } from './environment.ts'
import { tryToRecord } from './orphans.ts'
import { collectMessages } from './output.ts'

// One command at a server over SSH, with what is said both ways as it comes. Like git, ssh runs in a process
// group of its own and is written down while it lives; unlike git's, its streams are not held by anybody: what
// is not read is not sent.

export type SshChannel = AsyncDisposable & {
  /** Resolves when there is room for more; to false, once nobody takes anything any more. */
  readonly send: (bytes: Uint8Array) => Promise<boolean>
  /** Ends with the command, for whatever reason. */
  readonly answer: AsyncIterable<Buffer>
  /** What ssh or the command printed beside the answer, or how it ended; waits for the end. */
  readonly lastWords: () => Promise<string>
}

export type SshCommand = {
  readonly args: readonly string[]
  readonly access: RemoteAccess
  readonly variables?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly onProgress: () => void
}

const FORCE_KILL_DELAY = 5 * SECOND

/** Starts ssh; that it cannot be started shows as an answer without anything in it. */
export function openChannel(
  { runtimeDir }: { readonly runtimeDir: string },
  command: SshCommand,
): SshChannel {
  const { access, onProgress } = command
  const ending = new AbortController()
  const signal = AbortSignal.any([command.signal, ending.signal])
  const ssh = startSsh(runtimeDir, command, signal)
  const { stdin, stdout, stderr } = ssh
  const record = ssh.pid === undefined ? undefined : tryToRecord(`${runtimeDir}/ssh`, ssh.pid)
  // The shared connection has the streams too, and keeps them until the server has ended the command.
  const letGo = (): void => {
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
  }
  signal.addEventListener('abort', letGo, { once: true })
  // One that nobody could find after a crash must not run.
  if (record?.problem !== undefined) ending.abort()
  if (signal.aborted) letGo()
  const ended = ssh.finally(() => {
    signal.removeEventListener('abort', letGo)
    record?.[Symbol.dispose]()
  })
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
  // What nobody reads at once is thrown away otherwise.
  stdout.pause()
  const messages = collectMessages(access.secrets, undefined)
  stderr.on('data', (chunk: Buffer) => {
    onProgress()
    messages.write(chunk)
  })

  return {
    send: async (bytes) => {
      const isTaken = await new Promise<boolean>((resolve) => {
        stdin.write(bytes, (error) => resolve(error === null || error === undefined))
      })
      if (isTaken) onProgress()
      return isTaken
    },
    answer: watched(stdout, onProgress),
    lastWords: async () => {
      const { exitCode, signal: name, originalMessage } = await ended
      messages.end()
      const words = [record?.problem?.message, messages.clean(), originalMessage]
      return words.find(Boolean) ?? `ssh ended with ${name ?? exitCode ?? 'nothing'}`
    },
    [Symbol.asyncDispose]: async () => {
      ending.abort()
      await ended
    },
  }
}

function startSsh(runtimeDir: string, { args, access, variables }: SshCommand, signal: AbortSignal) {
  return execa('ssh', args, {
    cwd: runtimeDir,
    env: gitEnvironment({ access, durable: false, ceiling: dirname(runtimeDir), variables }),
    extendEnv: false,
    stdin: 'pipe',
    encoding: 'buffer',
    buffer: false,
    reject: false,
    killDescendants: true,
    forceKillAfterDelay: FORCE_KILL_DELAY,
    cancelSignal: signal,
  })
}

async function* watched(stdout: AsyncIterable<unknown>, onProgress: () => void): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stdout) {
      onProgress()
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch {
    // It was let go before its end.
  }
}
