import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { headOf } from '../rig/journey.ts'
import { git, readRefs } from '../rig/repository.ts'
import { LOGINS, startTaskWorld } from '../rig/task-world.ts'
import { containing } from '../rig/matchers.ts'

test('a branch of the repository itself is pushed, and the repository remembers it', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, backup, createTask, run } = world
  await git(own.dir, 'config', 'branch.main.remote', 'backup')
  await git(own.dir, 'config', 'branch.main.merge', 'refs/heads/main')
  const commit = await own.commit('mine')
  await writeFile(join(own.dir, 'first.txt'), 'not committed\n')

  const pushed = await run(await createTask({ source_remote: 'local' }))
  const branch = await daemon.call('GET', '/api/v1/repos/1/branches/main')

  expect(pushed).toMatchObject({ status: 'succeeded', refs: [{ after: commit }] })
  expect(await headOf(backup, 'main')).toBe(commit)
  expect(branch.body).toMatchObject({ data: { upstream: 'backup/main', ahead: 0, behind: 0 } })
  expect(await git(own.dir, 'status', '--porcelain')).toBe('M first.txt')
})

test('a branch of the repository itself is filled, but never one that is checked out', async () => {
  await using world = await startTaskWorld()
  const { own, origin, createTask, run } = world
  await own.branch('dev')
  const commit = await own.commit('theirs')
  await own.push(origin.dir, 'dev:refs/heads/dev')
  await own.checkout('main')
  await git(own.dir, 'branch', '--quiet', '-D', 'dev')
  await git(own.dir, 'reflog', 'expire', '--expire=now', '--all')
  await git(own.dir, 'gc', '--quiet', '--prune=now')
  const before = await own.resolve('main')

  const filled = await run(
    await createTask({ source_branch: 'dev', target_remote: 'local', target_branch: 'in/dev' }),
  )
  const refused = await run(
    await createTask({ name: 'onto main', source_branch: 'dev', target_remote: 'local' }),
  )

  expect(filled).toMatchObject({ status: 'succeeded', refs: [{ result: 'created', after: commit }] })
  expect(refused).toMatchObject({ status: 'failed', code: 20011, detail: containing(own.dir) })
  const refs = await readRefs(own.dir)
  expect([refs.get('refs/heads/in/dev'), refs.get('refs/heads/main')]).toEqual([commit, before])
  expect(refs.get('refs/remotes/origin/dev')).toBe(commit)
  expect(await git(own.dir, 'fsck', '--strict')).toBe('')
  expect(await git(own.dir, 'status', '--porcelain')).toBe('')
})

test('a remote leads where the repository says when the run starts', async () => {
  await using world = await startTaskWorld()
  const { own, origin, servers, createTask, run } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const task = await createTask()
  await run(task)
  const other = await servers.backup.createRepository('team/other')
  const { username, password } = LOGINS.backup
  const url = new URL(other.url)
  url.username = username
  url.password = password
  await git(own.dir, 'remote', 'set-url', 'backup', url.href)

  const moved = await run(task)

  expect(moved).toMatchObject({ status: 'succeeded', refs: [{ before: null, result: 'created' }] })
  expect(await headOf(other, 'main')).toBe(await own.resolve('main'))
})

test('an address that may not be contacted, is rewritten, or is gone, is contacted by nobody', async () => {
  await using world = await startTaskWorld()
  const { own, servers, createTask, run } = world
  const task = await createTask()
  const setUrl = (url: string) => git(own.dir, 'remote', 'set-url', 'backup', url)
  const asked = servers.backup.requests.length
  const before = await git(own.dir, 'config', 'remote.backup.url')

  await setUrl('http://169.254.169.254/latest/meta-data')
  const denied = await run(task)
  await setUrl('ext::sh -c "touch /tmp/never"')
  const helper = await run(task)
  await setUrl(before)
  await git(own.dir, 'config', 'url.http://elsewhere.example/.insteadOf', 'http://')
  const rewritten = await run(task)
  await git(own.dir, 'config', '--remove-section', 'url.http://elsewhere.example/')
  await git(own.dir, 'remote', 'remove', 'backup')
  const gone = await run(task)

  expect([denied, helper, rewritten, gone].map(({ status, code }) => [status, code])).toEqual([
    ['failed', 20101],
    ['failed', 20101],
    ['failed', 20002],
    ['failed', 20002],
  ])
  expect(rewritten.detail).toContain('insteadOf')
  expect(servers.backup.requests).toHaveLength(asked)
})

test('while the repository is away its tasks fail and say so, and work when it is back', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, createTask, run } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const task = await createTask()
  await rename(own.dir, `${own.dir}-away`)

  const away = await run(task)
  const shown = await daemon.call('GET', `/api/v1/sync/tasks/${task}`)
  const disabled = await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { enabled: false })
  await rename(`${own.dir}-away`, own.dir)
  await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { enabled: true })
  const back = await run(task)

  expect(away).toMatchObject({ status: 'failed', detail: containing('no such folder') })
  expect(shown.body).toMatchObject({ data: { last_status: 'failed' } })
  expect(disabled.status).toBe(200)
  expect(back.status).toBe('succeeded')
})
