import { folderUrl } from '../../src/git/refs.ts'
import { RepositoryId } from '../../src/ids.ts'
import { splitLogin } from '../../src/repository/remote-address.ts'
import type { NewTask, TaskChange, TaskDeps } from '../../src/task/definition.ts'
import type { RemoteInConfig } from '../../src/task/ends.ts'
import { createTask } from '../../src/task/tasks.ts'
import { createTestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'

// Tasks on a real database, of a repository whose remotes nobody contacts.

const REMOTES: readonly RemoteInConfig[] = ['origin', 'backup'].map((name) => ({
  name,
  urls: [`https://${name}.example/team/app.git`],
  pushUrls: [],
  fetch: [`+refs/heads/*:refs/remotes/${name}/*`],
}))

export async function createWorld(start?: number) {
  const database = await createTestDatabase()
  const { db } = database
  const clock = createTestClock(start)
  const deps: TaskDeps = {
    db,
    clock,
    timezone: 'UTC',
    addressRules: { schemes: ['https', 'ssh'], allowLocal: false, allowsHost: () => true },
    openRepository: () =>
      Promise.resolve({
        remotes: REMOTES,
        rewrites: [],
        splitLogin,
        privateKey: undefined,
        url: folderUrl('/srv/app'),
        local: undefined,
      }),
  }
  const { id } = await db
    .insertInto('repository')
    .values({
      name: 'app',
      path: '/srv/app',
      real_path: '/srv/app',
      ssh_key_id: null,
      created_at: 0,
      updated_at: 0,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  let made = 0
  return {
    db,
    clock,
    deps,
    newTask: (changes: Partial<NewTask> = {}): Promise<Awaited<ReturnType<typeof createTask>>> => {
      made += 1
      return createTask(deps, { ...taskOf(RepositoryId.parse(id), made), ...changes })
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

function taskOf(repositoryId: RepositoryId, number: number): NewTask {
  return {
    name: `task ${number}`,
    repositoryId,
    mode: 'single',
    sourceRemote: 'origin',
    sourceBranch: 'main',
    targetRemote: 'backup',
    targetBranch: 'main',
    pushOptions: '',
    enabled: true,
    cron: null,
    timezone: null,
  }
}

/** A change that changes nothing. */
export const NOTHING: TaskChange = {
  name: undefined,
  repositoryId: undefined,
  mode: undefined,
  sourceRemote: undefined,
  sourceBranch: undefined,
  targetRemote: undefined,
  targetBranch: undefined,
  pushOptions: undefined,
  enabled: undefined,
  cron: undefined,
  timezone: undefined,
}
