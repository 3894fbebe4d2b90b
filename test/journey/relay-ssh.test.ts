import { expect, test } from 'vitest'
import type { Sha } from '../../src/git/refs.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer, GitSshServerOptions, SshRepository } from '../rig/git-ssh-server.ts'
import { expectSuccess, headOf, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'

// The common push of a daemon whose forges are reached over SSH.

type SshJourney = AsyncDisposable & {
  readonly journey: Journey
  readonly server: GitSshServer
  readonly outer: SshRepository
  /** Pushes to the inner side of a pair that is equal, and delivers the webhook; the run that it caused. */
  readonly push: () => Promise<{ readonly commit: Sha; readonly run: Awaited<ReturnType<RunEnded>> }>
}

type RunEnded = Journey['daemon']['runEnded']

async function startSshJourney(
  env: Readonly<Record<string, string>> = {},
  options: GitSshServerOptions = {},
): Promise<SshJourney> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startGitSshServer(options))
  const journey = stack.use(await startJourney(env))
  const inner = await server.createRepository('inner/app')
  const outer = await server.createRepository('outer/app')
  await journey.bind('app', {
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: server.userKey,
    exter_token: server.userKey,
  })
  const commit = async (message: string): Promise<Sha> => {
    const sha = await journey.work.commit(message)
    await journey.work.push(inner.dir, 'HEAD:refs/heads/main')
    return sha
  }
  await commit('first')
  expectSuccess((await journey.daemon.call('POST', '/cerobot/sync/repo/app')).body)
  const owned = stack.move()
  return {
    journey,
    server,
    outer,
    push: async () => {
      const sha = await commit('second')
      const { body } = await journey.daemon.deliver(pushTo('gitea', inner, 'main', sha))
      return { commit: sha, run: await journey.daemon.runEnded(runOf(body)) }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a push over SSH is relayed, and says so', async () => {
  await using world = await startSshJourney()

  const { commit, run } = await world.push()

  expect(run).toMatchObject({ status: 'succeeded', code: 0, attempts: 1 })
  expect(run.steps.map(({ name }) => name)).toEqual(['relay'])
  expect(run.log).toContain('relayed without git')
  expect(await headOf(world.outer, 'main')).toBe(commit)
})

test.each([
  ['RELAY=false', { RELAY: 'false' }, {}, ['fetch', 'push'], 'git push external main'],
  [
    'the host in RELAY_DISABLED_HOSTS',
    { RELAY_DISABLED_HOSTS: '127.0.0.*' },
    {},
    ['relay', 'fetch', 'push'],
    'the relay is off here',
  ],
  [
    'a server that may not be told the version of the protocol',
    {},
    { acceptsVersion: false },
    ['relay', 'fetch', 'push'],
    'the server does not speak version 2 of the protocol (internal)',
  ],
])('with %s git does it in the same run', async (_, env, options, steps, why) => {
  await using world = await startSshJourney(env, options)

  const { commit, run } = await world.push()

  expect(run).toMatchObject({ status: 'succeeded', attempts: 1 })
  expect(run.steps.map(({ name }) => name)).toEqual(steps)
  expect(run.log).toContain(why)
  expect(await headOf(world.outer, 'main')).toBe(commit)
})
