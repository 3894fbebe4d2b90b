import { lockMirrors } from './db/instance-lock.ts'
import { prepareFolders } from './sync/folders.ts'

export type Folders = Disposable & {
  /** Makes again what somebody has removed, with every check of the start. Rejects with a sentence for the operator. */
  readonly prepare: () => Promise<void>
}

/** The folders for mirrors and backups, made where they are missing and held against a second daemon. */
export async function openFolders(places: {
  readonly syncDir: string
  readonly backupDir: string
}): Promise<Folders> {
  await prepareFolders(places)
  const lock = lockMirrors(places.syncDir)
  return {
    prepare: async () => {
      await prepareFolders(places)
      lock.renew()
    },
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  }
}
