import { isAbsolute, resolve } from 'node:path'
import type { Selectable } from 'kysely'
import type { Clock } from '../clock.ts'
import type { FindKeyUsers } from '../credential/ssh-key.ts'
import { sshKeyUnknown } from '../credential/ssh-key-error.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { RepositoryTable } from '../db/task-schema.ts'
import type { LocalGit } from '../git/local-git.ts'
import type { LocalRepository } from '../git/local-repository.ts'
import { shortName } from '../git/refs.ts'
import { RepositoryId, SshKeyId } from '../ids.ts'
import type { RepositoryLocks } from './locks.ts'
import type { PlaceRules } from './place.ts'
import { findPlace } from './place.ts'
import type { Found, Repository, RepositoryStatus } from './repository.ts'
import {
  pathRefused,
  placeRefused,
  repositoryExists,
  repositoryInUse,
  repositoryNameRefused,
  repositoryUnavailable,
  repositoryUnknown,
} from './repository-error.ts'

export type RepositoryDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly git: LocalGit
  readonly locks: RepositoryLocks
  readonly rules: PlaceRules
  readonly findSshKey: (db: Executor, id: SshKeyId) => Promise<{ readonly privateKey: string } | undefined>
  /** Names of the tasks that need a repository. */
  readonly tasksOf: (db: Executor, id: RepositoryId) => Promise<readonly string[]>
}

export type NewRepository = {
  readonly name: string
  readonly path: string
  readonly sshKeyId: SshKeyId | null
}

/** What is left out stays; an `sshKeyId` of null takes the key away. */
export type RepositoryChange = { readonly [Key in keyof NewRepository]: NewRepository[Key] | undefined }

const NAME = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]{1,200}$/u
const MAX_PATH_BYTES = 4000

/** Throws `repository_…` for a name or path that cannot be used or is registered already, or `ssh_key_unknown`. */
export async function createRepository(deps: RepositoryDeps, input: NewRepository): Promise<Repository> {
  const place = await acceptPlace(deps, input.path)
  if (!isName(input.name)) throw repositoryNameRefused()
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    await refuseTaken(trx, input.name, place.realPath)
    await requireSshKey(deps, trx, input.sshKeyId)
    const row = await trx
      .insertInto('repository')
      .values({
        name: input.name,
        path: place.path,
        real_path: place.realPath,
        ssh_key_id: input.sshKeyId,
        created_at: now,
        updated_at: now,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    return rowToRepository(row)
  })
}

/** Throws as `createRepository`, or `repository_unknown`. */
export async function updateRepository(
  deps: RepositoryDeps,
  id: RepositoryId,
  change: RepositoryChange,
): Promise<Repository> {
  await getRepository(deps.db, id)
  const place = change.path === undefined ? undefined : await acceptPlace(deps, change.path)
  if (change.name !== undefined && !isName(change.name)) throw repositoryNameRefused()
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const before = await getRepository(trx, id)
    await refuseTaken(trx, change.name ?? before.name, place?.realPath ?? before.realPath, id)
    await requireSshKey(deps, trx, change.sshKeyId ?? null)
    const row = await trx
      .updateTable('repository')
      .set({
        name: change.name ?? before.name,
        path: place?.path ?? before.path,
        real_path: place?.realPath ?? before.realPath,
        ssh_key_id: change.sshKeyId === undefined ? before.sshKeyId : change.sshKeyId,
        updated_at: now,
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    return rowToRepository(row)
  })
}

/** Forgets the repository and returns what it was; its files stay as they are. Throws `repository_unknown` or `repository_in_use`. */
export async function deleteRepository(deps: RepositoryDeps, id: RepositoryId): Promise<Repository> {
  return deps.db.transaction().execute(async (trx) => {
    const repository = await getRepository(trx, id)
    const tasks = await deps.tasksOf(trx, id)
    if (tasks.length > 0) throw repositoryInUse(tasks)
    await trx.deleteFrom('repository').where('id', '=', id).execute()
    return repository
  })
}

/** Oldest first, each with the state that its folder is in. */
export async function listRepositories(
  deps: RepositoryDeps,
  { page, pageSize }: Page,
): Promise<{ readonly repositories: readonly (Repository & RepositoryStatus)[]; readonly total: number }> {
  const total = await countRows(deps.db.selectFrom('repository'))
  const rows = await deps.db
    .selectFrom('repository')
    .selectAll()
    .orderBy('id')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  const repositories = rows.map(rowToRepository)
  const statuses = await Promise.all(repositories.map((repository) => lookAt(deps, repository)))
  return {
    repositories: repositories.map((repository, index) => ({
      ...repository,
      ...(statuses[index] ?? UNREADABLE),
    })),
    total,
  }
}

/** Throws `repository_unknown`. */
export async function getRepository(db: Executor, id: RepositoryId): Promise<Repository> {
  const row = await db.selectFrom('repository').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw repositoryUnknown(id)
  return rowToRepository(row)
}

/** What is in the folder now; never throws for what it finds there. */
export async function lookAt(
  deps: Pick<RepositoryDeps, 'git' | 'rules'>,
  repository: Repository,
): Promise<RepositoryStatus> {
  const found = await findGit(deps, repository)
  if (found.kind === 'refused') return { ...UNREADABLE, state: found.problem }
  const isBare = found.repository.workTree === undefined
  const head = await deps.git.readHead(found.repository)
  if (head.kind === 'unreadable') return { ...UNREADABLE, isBare }
  if (head.kind === 'detached') return { state: 'detached', currentBranch: null, headSha: head.sha, isBare }
  const state = head.sha === undefined ? 'empty' : 'ok'
  return { state, currentBranch: shortName(head.ref), headSha: head.sha ?? null, isBare }
}

const UNREADABLE = { state: 'unreadable', currentBranch: null, headSha: null, isBare: null } as const

/** The rules of now and the links of now: what was allowed once may lead elsewhere today. */
export async function findGit(deps: Pick<RepositoryDeps, 'rules'>, repository: Repository): Promise<Found> {
  const place = await findPlace(deps.rules, repository.path).catch(() => undefined)
  if (place === undefined) return { kind: 'refused', problem: 'unreadable' }
  const isSame = place.kind === 'refused' || place.repository.path === repository.realPath
  return isSame ? place : { kind: 'refused', problem: 'moved' }
}

/** The repository, where git can work. Throws `repository_unknown`, or `repository_…` with what is wrong. */
export async function openRepository(
  deps: Pick<RepositoryDeps, 'db' | 'rules'>,
  id: RepositoryId,
): Promise<LocalRepository> {
  const found = await findGit(deps, await getRepository(deps.db, id))
  if (found.kind === 'refused') throw repositoryUnavailable(found.problem)
  return found.repository
}

/** The repositories that name one of these keys. */
export const repositoriesUsingKeys: FindKeyUsers = async (db, ids) => {
  const rows = await db
    .selectFrom('repository')
    .select(['name', 'ssh_key_id'])
    .where('ssh_key_id', 'in', ids)
    .orderBy('id')
    .execute()
  return rows.flatMap(({ name, ssh_key_id: id }) =>
    id === null ? [] : [{ keyId: SshKeyId.parse(id), type: 'repo', name, place: null }],
  )
}

async function acceptPlace(
  deps: RepositoryDeps,
  text: string,
): Promise<{ readonly path: string; readonly realPath: string }> {
  if (!isAbsolute(text) || /\p{Cc}/u.test(text) || Buffer.byteLength(text) > MAX_PATH_BYTES)
    throw pathRefused()
  const path = resolve(text)
  const place = await findPlace(deps.rules, path)
  if (place.kind === 'refused') throw placeRefused(place.problem)
  const listed = await deps.git.listBranches(place.repository, ['local'])
  if (!listed.ok) throw placeRefused('unreadable', listed.failure)
  return { path, realPath: place.repository.path }
}

async function requireSshKey(deps: RepositoryDeps, trx: Executor, id: SshKeyId | null): Promise<void> {
  if (id !== null && (await deps.findSshKey(trx, id)) === undefined) throw sshKeyUnknown(id)
}

async function refuseTaken(
  trx: Executor,
  name: string,
  realPath: string,
  except?: RepositoryId,
): Promise<void> {
  const rows = await trx
    .selectFrom('repository')
    .select(['id', 'name', 'real_path'])
    .where(({ or, eb }) => or([eb('name', '=', name), eb('real_path', '=', realPath)]))
    .execute()
  const other = rows.find(({ id }) => id !== except)
  if (other === undefined) return
  throw other.real_path === realPath ? repositoryExists('path', other.name) : repositoryExists('name', name)
}

function isName(name: string): boolean {
  return NAME.test(name) && name === name.trim()
}

function rowToRepository(row: Selectable<RepositoryTable>): Repository {
  return {
    id: RepositoryId.parse(row.id),
    name: row.name,
    path: row.path,
    realPath: row.real_path,
    sshKeyId: row.ssh_key_id === null ? null : SshKeyId.parse(row.ssh_key_id),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}
