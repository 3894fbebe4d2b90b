import { execa } from 'execa'
import { SECOND } from '../clock.ts'
import { recordProcess } from './orphans.ts'
import type { RuntimeDir } from './runtime-dir.ts'

// Short calls of programs that come with ssh, each with an environment of its own and an end.

export type HelperDeps = {
  readonly runtimeDir: RuntimeDir
}

type Helper = {
  readonly file: string
  readonly args: readonly string[]
  /** What stands here only the same user can read. */
  readonly variables?: Readonly<Record<string, string>>
  readonly input?: string
}

const LIMIT = 10 * SECOND

/** Runs it to its end, or ends it with its descendants after ten seconds; then there is no exit code. */
export async function runHelper(
  { runtimeDir }: HelperDeps,
  { file, args, variables = {}, input }: Helper,
): Promise<{ readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string }> {
  const cwd = await runtimeDir()
  const subprocess = execa(file, args, {
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent', LC_ALL: 'C', ...variables },
    extendEnv: false,
    reject: false,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    timeout: LIMIT,
    killSignal: 'SIGKILL',
    killDescendants: true,
  })
  // A daemon that dies leaves it to the next one to end what would go on for ever.
  using _record = subprocess.pid === undefined ? undefined : recordProcess(`${cwd}/helper`, subprocess.pid)
  const { exitCode, stdout, stderr } = await subprocess
  return { exitCode, stdout, stderr }
}
