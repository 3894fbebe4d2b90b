import type { Executor } from '../db/database.ts'
import type { TaskId } from '../ids.ts'

/** What a notice about a task says of it, in the words of its templates. */
export type TaskFacts = {
  readonly sourceRemote: string
  readonly sourceBranch: string | null
  readonly targetRemote: string
  readonly targetBranch: string | null
  readonly repoKey: string
  readonly repoName: string
  readonly cronExpression: string | null
  readonly syncMode: string
}

/** Undefined when the task was deleted. */
export async function factsOfTask(db: Executor, id: TaskId): Promise<TaskFacts | undefined> {
  const row = await db
    .selectFrom('task')
    .innerJoin('repository', 'repository.id', 'task.repository_id')
    .select(['source_remote', 'source_branch', 'target_remote', 'target_branch'])
    .select(['cron_expression', 'sync_mode', 'repository.name as repository_name'])
    .where('task.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    sourceRemote: row.source_remote,
    sourceBranch: row.source_branch,
    targetRemote: row.target_remote,
    targetBranch: row.target_branch,
    repoKey: row.repository_name,
    repoName: row.repository_name,
    cronExpression: row.cron_expression,
    syncMode: row.sync_mode,
  }
}
