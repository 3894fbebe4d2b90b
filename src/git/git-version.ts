import { execa } from 'execa'
import { gitEnvironment } from './environment.ts'

const OLDEST: readonly [number, number] = [2, 30]

/** The version of git, e.g. `2.39.5`; rejects with a sentence for people when git or flock cannot do the job. */
export async function gitVersion(): Promise<string> {
  const options = {
    env: gitEnvironment({ access: undefined, durable: false, ceiling: '/' }),
    extendEnv: false,
    reject: false,
    timeout: 10_000,
  } as const
  const [git, flock] = await Promise.all([
    execa('git', ['--version'], options),
    execa('flock', ['--version'], options),
  ])
  if (git.exitCode !== 0) throw new Error('git was not found in /usr/local/bin, /usr/bin or /bin')
  if (flock.exitCode !== 0) throw new Error('flock was not found; it is part of util-linux')
  const [, version, major = '0', minor = '0'] = /((\d+)\.(\d+)\S*)/.exec(git.stdout) ?? []
  const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1])
  if (version === undefined || isOld) throw new Error(`git ${OLDEST.join('.')} or newer is needed`)
  return version
}
