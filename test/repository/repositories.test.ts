import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createLocalGit } from '../../src/git/local-git.ts'
import { listRefs } from '../../src/git/remote.ts'
import { SshKeyId } from '../../src/ids.ts'
import { createBranch } from '../../src/repository/branches.ts'
import { openForTask } from '../../src/repository/for-task.ts'
import { createRepositoryLocks } from '../../src/repository/locks.ts'
import { createRepository, updateRepository } from '../../src/repository/repositories.ts'
import type { RepositoryDeps } from '../../src/repository/repositories.ts'
import { loadTask } from '../../src/run/load-task.ts'
import { createTask, namesOfTasks } from '../../src/task/tasks.ts'
import { createTestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'
import { openTestGit } from '../rig/git-room.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { createFolder, createWorkRepository, git } from '../rig/repository.ts'
import { containing } from '../rig/matchers.ts'

const keyId = (id: number): SshKeyId => SshKeyId.parse(id)

async function createWorld(keys: ReadonlyMap<number, string> = new Map()) {
  const stack = new AsyncDisposableStack()
  onTestFinished(() => stack.disposeAsync())
  const folder = stack.use(await createFolder()).path
  const room = stack.use(await openTestGit(folder))
  const { db } = stack.use(await createTestDatabase())
  const clock = createTestClock()
  const deps: RepositoryDeps = {
    db,
    clock,
    git: createLocalGit(room.git, new AbortController().signal),
    locks: createRepositoryLocks(clock),
    rules: { roots: [folder], allowsAny: false, ownFolders: [], owner: process.getuid?.() },
    findSshKey: (_db, id) => {
      const privateKey = keys.get(id)
      return Promise.resolve(privateKey === undefined ? undefined : { privateKey })
    },
    tasksOf: namesOfTasks,
  }
  const own = await createWorkRepository(folder)
  await own.commit('first')
  return { folder, db, clock, deps, room, own }
}

test('a repository names an SSH key that exists, another one, or none', async () => {
  const { deps, own } = await createWorld(
    new Map([
      [1, 'one'],
      [2, 'two'],
    ]),
  )

  const created = await createRepository(deps, { name: 'app', path: own.dir, sshKeyId: keyId(1) })
  const kept = await updateRepository(deps, created.id, {
    name: 'renamed',
    path: undefined,
    sshKeyId: undefined,
  })
  const opened = await openForTask(deps, created.id)
  const taken = await updateRepository(deps, created.id, { name: undefined, path: undefined, sshKeyId: null })
  const unknown = updateRepository(deps, created.id, { name: undefined, path: undefined, sshKeyId: keyId(3) })

  expect([created.sshKeyId, kept.sshKeyId, opened.privateKey, taken.sshKeyId]).toEqual([1, 1, 'one', null])
  await expect(unknown).rejects.toMatchObject({ kind: 'not_found', reason: 'ssh_key_unknown' })
})

test('a task logs in to an SSH remote with the key of its repository', async () => {
  await using server = await startGitSshServer()
  const { db, clock, deps, room, own } = await createWorld(
    new Map([
      [1, server.userKey],
      [2, server.strangerKey],
    ]),
  )
  const remote = await server.createRepository('app')
  await git(own.dir, 'remote', 'add', 'origin', remote.url)
  await own.push(remote.dir, 'main:refs/heads/main')
  const { id } = await createRepository(deps, { name: 'app', path: own.dir, sshKeyId: keyId(1) })
  const taskDeps = {
    db,
    clock,
    timezone: 'UTC',
    addressRules: { schemes: ['ssh'], allowLocal: false, allowsHost: () => true },
    openRepository: () => openForTask(deps, id),
  } as const
  const task = await createTask(taskDeps, {
    name: 'in',
    repositoryId: id,
    mode: 'single',
    sourceRemote: 'origin',
    sourceBranch: 'main',
    targetRemote: 'local',
    targetBranch: 'theirs',
    pushOptions: '',
    enabled: true,
    cron: null,
    timezone: null,
  })
  const list = async () => {
    const subject = await loadTask(taskDeps, task.id)
    if (subject === undefined || 'failure' in subject) throw new Error('the task cannot be loaded')
    return listRefs(room.git, subject.remotes.internal, { signal: new AbortController().signal })
  }

  const known = await list()
  await updateRepository(deps, id, { name: undefined, path: undefined, sshKeyId: keyId(2) })
  const stranger = await list()

  expect(known).toMatchObject({ ok: true, refs: new Map([['refs/heads/main', await own.resolve('main')]]) })
  expect(stranger).toMatchObject({ ok: false, failure: { kind: 'ssh_key_rejected' } })
})

test('whoever wants to change a repository that is worked on waits, and is told when that takes too long', async () => {
  const { clock, deps, own } = await createWorld()
  const { id } = await createRepository(deps, { name: 'app', path: own.dir, sshKeyId: null })
  const sync = Promise.withResolvers<void>()
  const syncing = deps.locks.exclusively(id, () => sync.promise)
  const hasty = createBranch(deps, id, { name: 'hasty', base: undefined }).catch((error: unknown) => error)
  await expect.poll(() => clock.pendingTimers()).toBe(1)
  clock.advance(30_000)
  const patient = createBranch(deps, id, { name: 'patient', base: undefined })

  sync.resolve()
  await syncing

  expect(await hasty).toMatchObject({ kind: 'conflict', reason: 'repository_busy' })
  expect(await patient).toMatchObject({ name: 'patient' })
  await deps.locks.settled()
  expect(await git(own.dir, 'branch', '--format=%(refname:short)')).toBe('main\npatient')
})

test('what git says of a repository that it cannot read is part of the refusal', async () => {
  const { deps, own } = await createWorld()
  await writeFile(join(own.dir, '.git/config'), '[core\n')

  const created = createRepository(deps, { name: 'app', path: own.dir, sshKeyId: null })

  await expect(created).rejects.toMatchObject({
    kind: 'invalid',
    reason: 'repository_unreadable',
    detail: { en: containing('bad config') },
  })
})
