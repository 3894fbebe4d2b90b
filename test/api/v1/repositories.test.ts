import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startDaemonProcess } from '../../rig/daemon.ts'
import { createFolder, createWorkRepository, git, readRefs } from '../../rig/repository.ts'
import { LOGINS, startTaskWorld } from '../../rig/task-world.ts'
import { aNumber, containing } from '../../rig/matchers.ts'

test('what stands in the configuration is shown without what could log in', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, backup } = world
  await git(own.dir, 'config', 'remote.backup.pushurl', 'ssh://git:hidden@forge.example/o/r.git')
  await git(own.dir, 'config', 'http.extraHeader', 'Authorization: hidden')

  const { body } = await daemon.call('GET', '/api/v1/repos/1')

  expect(body).toMatchObject({
    data: {
      current_branch: 'main',
      bare: false,
      state: 'ok',
      problem: null,
      head: { commit: await own.resolve('HEAD'), subject: 'first', author: 'Ada' },
      remotes: [
        { name: 'origin', url: origin.url, push_url: null },
        { name: 'backup', url: backup.url, push_url: 'ssh://git@forge.example/o/r.git' },
      ],
      size: aNumber,
      in_progress: null,
    },
  })
  const said = `${JSON.stringify(body)}${daemon.output()}`
  expect(said).not.toContain('hidden')
  expect(said).not.toMatch(
    new RegExp(`${LOGINS.origin.password}|${encodeURIComponent(LOGINS.origin.password)}`),
  )
})

test('a repository in any state is listed with it, and never spoils the list', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder } = world
  const states = ['empty', 'detached', 'missing', 'not_git', 'moved', 'unreadable', 'merging'] as const
  const dirs = new Map<string, string>()
  for (const name of states) {
    const work = await createWorkRepository(folder.path)
    const dir = join(folder.path, name)
    if (name !== 'empty') await work.commit('first')
    await rename(work.dir, dir)
    dirs.set(name, dir)
    await daemon.call('POST', '/api/v1/repos', { name, path: dir })
  }
  const dirOf = (name: (typeof states)[number]): string => dirs.get(name) ?? ''
  await git(dirOf('detached'), 'checkout', '--quiet', '--detach')
  await rm(dirOf('missing'), { recursive: true })
  await rm(join(dirOf('not_git'), '.git'), { recursive: true })
  await rename(dirOf('moved'), join(folder.path, 'elsewhere'))
  await symlink(join(folder.path, 'elsewhere'), dirOf('moved'))
  await writeFile(join(dirOf('unreadable'), '.git/HEAD'), 'nonsense\n')
  await writeFile(join(dirOf('merging'), '.git/MERGE_HEAD'), '')

  const list = await daemon.call('GET', '/api/v1/repos')
  const details = await Promise.all(
    states.map((_, index) => daemon.call('GET', `/api/v1/repos/${index + 2}`)),
  )
  const branches = await Promise.all(
    states.map((_, index) => daemon.call('GET', `/api/v1/repos/${index + 2}/branches`)),
  )

  const Row = z.object({
    name: z.string(),
    state: z.string(),
    current_branch: z.string().nullable(),
    problem: z.string().nullable(),
  })
  const { items } = z.object({ data: z.object({ items: z.array(Row) }) }).parse(list.body).data
  expect(items.slice(1).map(({ name, state, current_branch: branch }) => [name, state, branch])).toEqual([
    ['empty', 'empty', 'main'],
    ['detached', 'detached', null],
    ['missing', 'missing', null],
    ['not_git', 'not_git', null],
    ['moved', 'moved', null],
    ['unreadable', 'unreadable', null],
    ['merging', 'ok', 'main'],
  ])
  const withProblem = items.filter(({ problem }) => problem !== null).map(({ name }) => name)
  expect(withProblem).toEqual(['missing', 'not_git', 'moved', 'unreadable'])
  expect(details.map(({ status }) => status)).toEqual(states.map(() => 200))
  expect(details.at(-1)).toMatchObject({ body: { data: { in_progress: 'merge' } } })
  expect(branches.map(({ status }) => status)).toEqual([200, 200, 409, 409, 409, 409, 200])
})

test('a repository is renamed, moved and forgotten, and its files stay', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own } = world
  const other = await createWorkRepository(folder.path)

  const renamed = await daemon.call('PUT', '/api/v1/repos/1', { name: 'other' })
  const moved = await daemon.call('PUT', '/api/v1/repos/1', { path: other.dir, ssh_key_id: null })
  const outside = await daemon.call('PUT', '/api/v1/repos/1', { path: '/etc' })
  const deleted = await daemon.call('DELETE', '/api/v1/repos/1')

  expect(renamed).toMatchObject({ status: 200, body: { data: { name: 'other', path: own.dir } } })
  expect(moved).toMatchObject({
    status: 200,
    body: { data: { name: 'other', path: other.dir, state: 'empty' } },
  })
  expect([outside.status, deleted.status]).toEqual([403, 200])
  expect(await readFile(join(own.dir, 'first.txt'), 'utf8')).toBe('first\n')
  expect((await readRefs(own.dir)).size).toBe(1)
})

test.each([
  ['auto', 200],
  ['none', 403],
])(
  'without REPO_ROOTS and with AUTH=%s a repository of this user is answered with %i',
  async (auth, status) => {
    await using folder = await createFolder()
    const work = await createWorkRepository(folder.path)
    await using daemon = await startDaemonProcess({ dir: folder.path, env: { AUTH: auth } })

    const answer = await daemon.call('POST', '/api/v1/repos', { name: 'app', path: work.dir })

    expect(answer.status).toBe(status)
  },
)

test('folders of the service itself cannot be registered', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own, origin, createTask, run } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  await run(await createTask())

  const mirror = await daemon.call('POST', '/api/v1/repos', {
    name: 'mirror',
    path: join(folder.path, 'sync/task-1.git'),
  })

  expect(mirror).toMatchObject({
    status: 403,
    body: { detail: containing('belongs to this service') },
  })
})
