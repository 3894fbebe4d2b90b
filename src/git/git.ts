import { dirname } from 'node:path'
import { execa } from 'execa'
import { SECOND } from '../clock.ts'
import { MIRROR_BUSY_EXIT, classify } from './classify.ts'
import type { RemoteAccess } from './environment.ts'
import { gitEnvironment } from './environment.ts'
import type { GitFailure } from './git-error.ts'
import { watchLimits } from './limits.ts'
import type { LimitDeps } from './limits.ts'
import { tryToRecord } from './orphans.ts'
import { collectMessages, readLines } from './output.ts'
import type { RuntimeDir } from './runtime-dir.ts'

// The only place that starts git.
//
// In:  arguments, the repository, and what the call may reach.
// Out: how git ended and what it printed, or why it was stopped.
// Git runs in a process group of its own, which ends as a whole: its helpers hold pipes and
// connections and would outlive it. A fenced call holds `<gitDir>.lock` for as long as any process
// of it lives, so that after a crash no second git works on a repository that an old one still has.

export type RunDeps = LimitDeps & {
  readonly runtimeDir: RuntimeDir
  /** Told about every git process that starts. */
  readonly onGit?: (operation: string) => void
}

export type GitCall = {
  /** Names the call in messages, e.g. `fetch`. */
  readonly operation: string
  /** Ssh itself instead of git, where a server is asked for something that git has no command for. */
  readonly program?: 'ssh'
  readonly args: readonly string[]
  readonly gitDir?: string
  /** Holds the fence of `gitDir`; for every call that writes. */
  readonly fenced?: boolean
  readonly input?: string
  readonly access?: RemoteAccess
  /** Names what the call works on beside `gitDir`, e.g. `GIT_INDEX_FILE`; stands above all other variables. */
  readonly variables?: Readonly<Record<string, string>>
  /** Everything written is on the disk when the call returns. */
  readonly durable?: boolean
  readonly signal: AbortSignal
  /** Takes stdout line by line instead of having it returned; for long listings. */
  readonly onLine?: (line: string) => void
  /** Takes stdout as it arrives; for what is not text. */
  readonly onBytes?: (chunk: Buffer) => void
  readonly onProgress?: ((text: string) => void) | undefined
}

export type GitResult =
  | {
      readonly kind: 'exited'
      readonly exitCode: number
      readonly stdout: string
      /** Without progress, secrets and control characters. */
      readonly stderr: string
      /** What stderr says went wrong; meaningful when the exit code is not an expected one. */
      readonly failure: GitFailure
    }
  | { readonly kind: 'stopped'; readonly failure: GitFailure }

const MAX_STDOUT = 16 * 2 ** 20
const FORCE_KILL_DELAY = 5 * SECOND

/** Runs git to its end, or ends it with all its helpers at a limit or an abort. Rejects only when it cannot be started. */
export async function runGit(deps: RunDeps, call: GitCall): Promise<GitResult> {
  if (call.signal.aborted) return { kind: 'stopped', failure: { kind: 'canceled', detail: 'canceled' } }
  const [file, args] = commandLine(call)
  const runtimeDir = await deps.runtimeDir()
  deps.onGit?.(call.operation)

  const limits = watchLimits(deps, `git ${call.operation}`, call.signal)
  using _ = limits
  const subprocess = execa(file, args, {
    cwd: runtimeDir,
    env: gitEnvironment({
      access: call.access,
      durable: call.durable ?? false,
      ceiling: dirname(runtimeDir),
      variables: call.variables,
    }),
    extendEnv: false,
    stdin: call.input === undefined ? 'ignore' : [Buffer.from(call.input)],
    encoding: 'buffer',
    buffer: false,
    reject: false,
    killDescendants: true,
    forceKillAfterDelay: FORCE_KILL_DELAY,
    cancelSignal: limits.signal,
  })
  const messages = collectMessages(call.access?.secrets ?? [], call.onProgress)
  const chunks: Uint8Array[] = []
  const lines = call.onLine === undefined ? undefined : readLines(call.onLine)
  let stdoutBytes = 0
  subprocess.stdout.on('data', (chunk: Buffer) => {
    limits.progress()
    if (call.onBytes !== undefined) return call.onBytes(chunk)
    if (lines !== undefined) return lines.write(chunk)
    stdoutBytes += chunk.length
    if (stdoutBytes <= MAX_STDOUT) chunks.push(chunk)
    else limits.stop('unknown', `git ${call.operation} printed more than ${MAX_STDOUT} bytes`)
  })
  subprocess.stderr.on('data', (chunk: Buffer) => {
    limits.progress()
    messages.write(chunk)
  })

  // A shared connection has the streams of ssh too, and keeps them until the server has ended the command.
  if (call.access?.protocol === 'ssh') {
    limits.signal.addEventListener('abort', () => {
      subprocess.stdout.destroy()
      subprocess.stderr.destroy()
    })
  }

  const base =
    call.fenced === true && call.gitDir !== undefined ? call.gitDir : `${runtimeDir}/${call.operation}`
  using record = subprocess.pid === undefined ? undefined : tryToRecord(base, subprocess.pid)
  // One that nobody could find after a crash must not run, so a full disk ends it.
  if (record?.problem !== undefined) limits.stop('unknown', 'it could not be written down')

  const result = await subprocess
  if (record?.problem !== undefined) throw record.problem
  lines?.end()
  messages.end()
  const stopped = limits.stopped()
  if (stopped !== undefined) return { kind: 'stopped', failure: withMessages(stopped, messages.clean()) }
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new Error(`git ${call.operation} could not be started`, { cause: result.cause })
  }
  const exitCode = result.exitCode ?? 128
  const failure = {
    kind: classify(messages.raw(), exitCode),
    detail: messages.clean() || `git ${call.operation} ended with ${result.signal ?? exitCode}`,
  }
  if (call.fenced === true && exitCode === MIRROR_BUSY_EXIT) return { kind: 'stopped', failure }
  const stdout = Buffer.concat(chunks).toString('utf8')
  return { kind: 'exited', exitCode, stdout, stderr: messages.clean(), failure }
}

function commandLine(call: GitCall): readonly [file: string, args: readonly string[]] {
  if (call.program === 'ssh') return ['ssh', call.args]
  if (call.gitDir === undefined) return ['git', call.args]
  const args = [`--git-dir=${call.gitDir}`, ...call.args]
  if (call.fenced !== true) return ['git', args]
  const fence = ['--nonblock', '--conflict-exit-code', String(MIRROR_BUSY_EXIT), '--no-fork']
  return ['flock', [...fence, `${call.gitDir}.lock`, 'git', ...args]]
}

function withMessages(failure: GitFailure, messages: string): GitFailure {
  return messages === '' ? failure : { ...failure, detail: `${failure.detail}\n${messages}` }
}
