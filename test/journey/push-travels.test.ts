import { expect, test } from 'vitest'
import { FORGE_NAMES } from '../../src/forge/forge.ts'
import { startDaemonProcess } from '../rig/daemon.ts'
import { bitbucketServerRepository, sendBitbucketServer } from '../rig/deliveries-bitbucket.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { headOf, pushTo, runOf, SECRET, startJourney } from '../rig/journey.ts'
import { createFolder, createWorkRepository } from '../rig/repository.ts'

test.each(FORGE_NAMES)(
  'a push on the internal %s arrives outside, and the run says what happened',
  async (forge) => {
    await using journey = await startJourney()
    const app = await journey.bind('app')
    const commit = await journey.work.commit('first')
    await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')

    const answer = await journey.daemon.deliver(
      pushTo(forge, app.inner, 'main', commit),
      `/webhooks/${forge}`,
    )
    const run = await journey.daemon.runEnded(runOf(answer.body))

    expect(answer).toMatchObject({
      status: 202,
      body: { bindings: ['app'], changes: [{ ref: 'refs/heads/main', before: null, after: commit }] },
    })
    expect(await headOf(app.outer, 'main')).toBe(commit)
    expect(run).toMatchObject({
      binding: 'app',
      trigger: 'webhook',
      direction: 'to_outer',
      status: 'succeeded',
      code: 0,
      message: '操作成功',
      attempts: 1,
      refs: [
        { source_ref: 'refs/heads/main', target_ref: 'refs/heads/main', after: commit, result: 'created' },
      ],
    })
    expect(run.log).toContain(`[COMMIT ID: ${commit.slice(0, 7)}]`)
  },
)

test('a delivery that lists no refs because they are too many brings all of them', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  const commit = await journey.work.commit('first')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/topic')
  const repository = bitbucketServerRepository({ fullName: app.inner.name, cloneUrl: app.inner.url })

  const answer = await journey.daemon.deliver(
    sendBitbucketServer(
      'mirror:repo_synchronized',
      { secret: SECRET },
      { refLimitExceeded: true, repository, changes: [] },
    ),
  )
  const run = await journey.daemon.runEnded(runOf(answer.body))

  expect(run).toMatchObject({ trigger: 'webhook', status: 'succeeded' })
  expect(await headOf(app.outer, 'main')).toBe(commit)
  expect(await headOf(app.outer, 'topic')).toBe(commit)
})

test('a push outside arrives inside when the binding says so', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app', { sync_direction: 2 })
  const commit = await journey.work.commit('from outside')
  await journey.work.push(app.outer.dir, 'HEAD:refs/heads/main')

  const answer = await journey.daemon.deliver(pushTo('github', app.outer, 'main', commit))
  const run = await journey.daemon.runEnded(runOf(answer.body))

  expect(run).toMatchObject({ direction: 'to_inter', status: 'succeeded' })
  expect(await headOf(app.inner, 'main')).toBe(commit)
})

test('a two-way binding carries pushes of both sides and ends the echo of each', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app', { sync_direction: 3 })
  const first = await journey.work.commit('inside')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const inside = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', first))
  await journey.daemon.runEnded(runOf(inside.body))
  const second = await journey.work.commit('outside')
  await journey.work.push(app.outer.dir, 'HEAD:refs/heads/main')

  const firstEcho = await journey.daemon.deliver(pushTo('github', app.outer, 'main', first))
  const outside = await journey.daemon.deliver(pushTo('github', app.outer, 'main', second, { before: first }))
  const run = await journey.daemon.runEnded(runOf(outside.body))
  const secondEcho = await journey.daemon.deliver(
    pushTo('gitea', app.inner, 'main', second, { before: first }),
  )

  expect(firstEcho).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'echo' } })
  expect(run).toMatchObject({ direction: 'to_inter', status: 'succeeded' })
  expect(secondEcho).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'echo' } })
  expect(await headOf(app.inner, 'main')).toBe(second)
  expect(await headOf(app.outer, 'main')).toBe(second)
})

test('a branch binding carries its branch under the other name, and no other branch', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app', { sync_granularity: 2 })
  await journey.daemon.call('POST', '/cerobot/sync/app/branch', {
    enable: true,
    internal_branch_name: 'feature/a',
    external_branch_name: 'contrib/a',
  })
  const commit = await journey.work.commit('on a branch')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/feature/a', 'HEAD:refs/heads/main')

  const bound = await journey.daemon.deliver(pushTo('gitlab', app.inner, 'feature/a', commit))
  const unbound = await journey.daemon.deliver(pushTo('gitlab', app.inner, 'main', commit))
  await journey.daemon.runEnded(runOf(bound.body))

  expect(unbound).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'branch' } })
  expect(await headOf(app.outer, 'contrib/a')).toBe(commit)
  expect(await headOf(app.outer, 'main')).toBeUndefined()
})

test.each([
  ['outwards', 1],
  ['inwards', 2],
])('a push travels %s over SSH with a key of its own', async (_, direction) => {
  await using folder = await createFolder()
  await using server = await startGitSshServer()
  await using daemon = await startDaemonProcess({ dir: folder.path, env: { WEBHOOK_SECRET: SECRET } })
  const inner = await server.createRepository('inner/app')
  const outer = await server.createRepository('outer/app')
  const [source, target] = direction === 1 ? [inner, outer] : [outer, inner]
  const bound = await daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: 'app',
    enable: true,
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: server.userKey,
    exter_token: server.userKey,
    sync_granularity: 1,
    sync_direction: direction,
  })
  const work = await createWorkRepository(folder.path)
  const commit = await work.commit('over ssh')
  await work.push(source.dir, 'HEAD:refs/heads/main')

  const answer = await daemon.deliver(pushTo('gitea', source, 'main', commit))
  const run = await daemon.runEnded(runOf(answer.body))

  expect(bound.body).toMatchObject({ code_status: 0 })
  expect(run).toMatchObject({ status: 'succeeded', code: 0 })
  expect(await headOf(target, 'main')).toBe(commit)
})
