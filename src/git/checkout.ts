import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { SECOND } from '../clock.ts'
import { gitEnvironment } from './environment.ts'

/** The commit that a folder has checked out, and its time as ISO text; undefined when it is no checkout. */
export async function describeCheckout(
  dir: string,
): Promise<{ readonly commit: string; readonly committedAt: string } | undefined> {
  if (!existsSync(join(dir, '.git'))) return undefined
  // Often root has cloned it and another user runs it; nothing but one commit is read.
  const args = ['-c', `safe.directory=${dir}`, '-C', dir, 'log', '-1', '--format=%H %cI']
  const { exitCode, stdout } = await execa('git', args, {
    env: gitEnvironment({ access: undefined, durable: false, ceiling: dirname(dir) }),
    extendEnv: false,
    reject: false,
    timeout: 10 * SECOND,
  })
  const [commit, committedAt] = stdout.trim().split(' ')
  if (exitCode !== 0 || commit === undefined || committedAt === undefined) return undefined
  return { commit, committedAt }
}
