import { chmod, chown, mkdir, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { prepareFolders } from '../../src/sync/folders.ts'
import { createFolder } from '../rig/repository.ts'

test('the folders are made for this service only', async () => {
  await using folder = await createFolder()
  const syncDir = join(folder.path, 'a/mirrors/')
  const backupDir = join(folder.path, 'b/backups')

  await prepareFolders({ syncDir, backupDir })

  expect((await stat(syncDir)).mode & 0o777).toBe(0o700)
  expect((await stat(backupDir)).mode & 0o777).toBe(0o700)
})

test('a folder that others could read is closed to them', async () => {
  await using folder = await createFolder()
  const syncDir = join(folder.path, 'mirrors')
  await mkdir(syncDir)
  await chmod(syncDir, 0o755)

  await prepareFolders({ syncDir, backupDir: join(folder.path, 'backups') })

  expect((await stat(syncDir)).mode & 0o777).toBe(0o700)
})

// Giving a folder away takes a privileged account; everybody else finds one that is not theirs.
const isPrivileged = process.getuid?.() === 0

test('a folder of somebody else is refused by name', async () => {
  await using folder = await createFolder()
  const foreign = isPrivileged ? join(folder.path, 'mirrors') : '/'
  if (isPrivileged) {
    await mkdir(foreign)
    await chown(foreign, 65534, 65534)
  }

  const preparing = prepareFolders({ syncDir: foreign, backupDir: join(folder.path, 'backups') })

  await expect(preparing).rejects.toThrow(/^SYNC_DIR .* belongs to user/)
})

test('a link in place of the folder is followed only when it is ours', async () => {
  await using folder = await createFolder()
  await mkdir(join(folder.path, 'real'))
  const syncDir = join(folder.path, 'link')
  await symlink(join(folder.path, 'real'), syncDir)

  await prepareFolders({ syncDir, backupDir: join(folder.path, 'backups') })

  expect((await stat(join(folder.path, 'real'))).mode & 0o777).toBe(0o700)
})
