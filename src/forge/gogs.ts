import type { Forge } from './forge.ts'
import { giteaKin } from './gitea.ts'

// Gogs sends with POST only. New tags and everything that goes come as `create` and `delete`, never as a push.

export const gogs: Forge = giteaKin('gogs', ['json', 'form'])
