import { z } from 'zod'

// Ids are minted by the database: they grow with time and are never used twice.

const id = z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER)

export const BindingId = id.brand<'BindingId'>()
export type BindingId = z.infer<typeof BindingId>

export const BranchBindingId = id.brand<'BranchBindingId'>()
export type BranchBindingId = z.infer<typeof BranchBindingId>

export const DeliveryId = id.brand<'DeliveryId'>()
export type DeliveryId = z.infer<typeof DeliveryId>

export const RunId = id.brand<'RunId'>()
export type RunId = z.infer<typeof RunId>

export const HookId = id.brand<'HookId'>()
export type HookId = z.infer<typeof HookId>

export const BackupId = id.brand<'BackupId'>()
export type BackupId = z.infer<typeof BackupId>

export const SshKeyId = id.brand<'SshKeyId'>()
export type SshKeyId = z.infer<typeof SshKeyId>

export const TokenId = id.brand<'TokenId'>()
export type TokenId = z.infer<typeof TokenId>

export const ChannelId = id.brand<'ChannelId'>()
export type ChannelId = z.infer<typeof ChannelId>

export const NotificationId = id.brand<'NotificationId'>()
export type NotificationId = z.infer<typeof NotificationId>
