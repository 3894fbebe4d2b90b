import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createBareRepository, git, readRefs } from '../../rig/repository.ts'
import { startTaskWorld } from '../../rig/task-world.ts'
import { aText, containing, matching } from '../../rig/matchers.ts'

test('branches show how far they are from what they follow', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  await git(own.dir, 'update-ref', 'refs/remotes/origin/main', 'HEAD')
  await git(own.dir, 'symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/main')
  await git(own.dir, 'branch', '--quiet', '--set-upstream-to=origin/main', 'main')
  await own.commit('ahead')
  await own.commit('<script>\u001b[31mred')
  await own.branch('gone', 'HEAD~1')
  await git(own.dir, 'config', 'branch.gone.remote', 'origin')
  await git(own.dir, 'config', 'branch.gone.merge', 'refs/heads/gone')

  const { body } = await daemon.call('GET', '/api/v1/repos/1/branches?type=all')
  const one = await daemon.call('GET', '/api/v1/repos/1/branches/origin/main')

  const common = { author: 'Ada', committed_at: aText }
  expect(body).toMatchObject({
    data: {
      total: 3,
      branches: [
        { ...common, name: 'gone', upstream: 'origin/gone', ahead: null, behind: null, subject: 'ahead' },
        {
          ...common,
          name: 'main',
          upstream: 'origin/main',
          ahead: 2,
          behind: 0,
          subject: '<script> [31mred',
        },
        { ...common, name: 'origin/main', type: 'remote', is_current: false, upstream: null },
      ],
    },
  })
  expect(one).toMatchObject({ status: 200, body: { data: { name: 'origin/main', type: 'remote' } } })
})

const NAMES = [
  'feature/new-feature',
  'feature/a/b/c',
  'release-1.0',
  '100%',
  'a%2Fb',
  '分支/功能',
  'with+plus&and=',
  "it's/ok!",
  'checkout',
]

test('a branch may have any name that git knows, with slashes as they are or as %2F', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  const base = '/api/v1/repos/1/branches'
  const wrong: string[] = []

  for (const name of NAMES) {
    const raw = name.split('/').map(encodeURIComponent).join('/')
    const answers = [
      await daemon.call('POST', base, { name, base_branch: 'main' }),
      await daemon.call('GET', `${base}/${raw}`),
      await daemon.call('POST', `${base}/checkout`, { branch: name }),
    ]
    const names = answers.map(
      ({ body }) => z.object({ data: z.object({ name: z.string() }) }).parse(body).data.name,
    )
    const back = await daemon.call('POST', `${base}/checkout`, { branch: 'main' })
    const deleted = await daemon.call('DELETE', `${base}/${encodeURIComponent(name)}`)
    const isRight = names.every((given) => given === name) && back.status === 200 && deleted.status === 200
    if (!isRight) wrong.push(name)
  }

  expect(wrong).toEqual([])
  expect([...(await readRefs(own.dir)).keys()]).toEqual(['refs/heads/main'])
})

test('all branches come at once, or in the pages that are asked for', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  const head = await own.resolve('HEAD')
  const commands = Array.from(
    { length: 149 },
    (_, number) => `create refs/heads/b-${String(number).padStart(3, '0')} ${head}\n`,
  )
  await writeFile(join(own.dir, 'commands'), commands.join(''))
  await git(own.dir, 'init', '--quiet')
  await Promise.all(
    commands.map(async (command) => {
      const [, ref = ''] = command.split(' ')
      await writeFile(join(own.dir, '.git', ref), `${head}\n`)
    }),
  )

  const all = await daemon.call('GET', '/api/v1/repos/1/branches')
  const second = await daemon.call('GET', '/api/v1/repos/1/branches?page=2&page_size=100')

  const List = z.object({
    data: z.object({
      branches: z.array(z.object({ name: z.string() })),
      total: z.number(),
      page_size: z.number(),
    }),
  })
  const [whole, rest] = [List.parse(all.body).data, List.parse(second.body).data]
  expect([whole.branches.length, whole.total]).toEqual([150, 150])
  expect([rest.branches.length, rest.total, rest.page_size]).toEqual([50, 150, 100])
  expect(rest.branches.at(-1)).toEqual({ name: 'main' })
})

test('a switch names the files that are in its way', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  await own.branch('dev')
  await own.commit('second', { 'first.txt': 'changed\n', 'added.txt': 'new\n' })
  await own.checkout('main')
  await writeFile(join(own.dir, 'first.txt'), 'mine\n')
  const dirty = await daemon.call('POST', '/api/v1/repos/1/branches/checkout', { branch: 'dev' })
  await writeFile(join(own.dir, 'first.txt'), 'first\n')
  await writeFile(join(own.dir, 'added.txt'), 'mine\n')

  const inTheWay = await daemon.call('POST', '/api/v1/repos/1/branches/checkout', { branch: 'dev' })

  expect(dirty).toMatchObject({
    status: 409,
    body: { code: 409, data: null, detail: matching(/first\.txt.* \/ .*first\.txt/) },
  })
  expect(inTheWay).toMatchObject({ status: 409, body: { detail: containing('added.txt') } })
  expect(await readFile(join(own.dir, 'added.txt'), 'utf8')).toBe('mine\n')
})

test('a remote branch is no local one, and the answer says how to make it one', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  await git(own.dir, 'update-ref', 'refs/remotes/origin/dev', 'HEAD')
  const base = '/api/v1/repos/1/branches'

  const unknown = await daemon.call('POST', `${base}/checkout`, { branch: 'dev' })
  const made = await daemon.call('POST', base, { name: 'dev', base_branch: 'origin/dev' })
  const switched = await daemon.call('POST', `${base}/checkout`, { branch: 'dev' })

  expect(unknown).toMatchObject({ status: 404, body: { hint: containing('origin/dev') } })
  expect([made.status, switched.status]).toEqual([200, 200])
})

test('a branch with commits of its own goes only when that is said, and its commits stay', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  await own.branch('topic')
  const commit = await own.commit('only here')
  await own.checkout('main')
  await own.branch('merged', 'main')
  await own.checkout('main')
  const base = '/api/v1/repos/1/branches'

  const merged = await daemon.call('DELETE', `${base}/merged`)
  const refused = await daemon.call('DELETE', `${base}/topic`)
  const forced = await daemon.call('DELETE', `${base}/topic?force=true`)

  expect(merged).toMatchObject({ status: 200, body: { data: { backup_ref: null } } })
  expect(refused).toMatchObject({ status: 409, body: { hint: containing('?force=true') } })
  expect(forced).toMatchObject({ status: 200, body: { data: { name: 'topic', last_commit: commit } } })
  const kept = [...(await readRefs(own.dir))].filter(([, sha]) => sha === commit).map(([ref]) => ref)
  expect(kept).toEqual([matching(/^refs\/reposync\/deleted\/[0-9TZ]+\/topic$/)])
})

test('a branch that was pushed to what it follows counts as merged', async () => {
  await using world = await startTaskWorld()
  const { daemon, own } = world
  await own.branch('topic')
  await own.commit('pushed')
  await git(own.dir, 'update-ref', 'refs/remotes/origin/topic', 'topic')
  await git(own.dir, 'branch', '--quiet', '--set-upstream-to=origin/topic', 'topic')
  await own.checkout('main')

  const deleted = await daemon.call('DELETE', '/api/v1/repos/1/branches/topic')

  expect(deleted.status).toBe(200)
})

test('a branch that a work tree or a rebase still needs is not deleted', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own } = world
  await git(own.dir, 'worktree', 'add', '--quiet', '-b', 'linked', join(folder.path, 'linked'))
  await own.branch('rebased', 'main')
  await own.checkout('main')
  await mkdir(join(own.dir, '.git/rebase-merge'))
  await writeFile(join(own.dir, '.git/rebase-merge/head-name'), 'refs/heads/rebased\n')
  const base = '/api/v1/repos/1/branches'

  const linked = await daemon.call('DELETE', `${base}/linked?force=true`)
  const rebased = await daemon.call('DELETE', `${base}/rebased?force=true`)

  expect(linked).toMatchObject({
    status: 409,
    body: { detail: containing(join(folder.path, 'linked')) },
  })
  expect(rebased.status).toBe(409)
})

test('the branches of a bare repository are changed too, but not the current one', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own } = world
  const bare = join(folder.path, 'bare.git')
  await createBareRepository(bare)
  await own.push(bare, 'main:refs/heads/main')
  await daemon.call('POST', '/api/v1/repos', { name: 'bare', path: bare })
  const base = '/api/v1/repos/2/branches'

  const refused = await daemon.call('DELETE', `${base}/main?force=true`)
  await daemon.call('POST', base, { name: 'dev' })
  const switched = await daemon.call('POST', `${base}/checkout`, { branch: 'dev' })
  const deleted = await daemon.call('DELETE', `${base}/main`)
  const { body } = await daemon.call('GET', '/api/v1/repos/2')

  expect([refused.status, switched.status, deleted.status]).toEqual([409, 200, 200])
  expect(body).toMatchObject({ data: { bare: true, current_branch: 'dev' } })
})
