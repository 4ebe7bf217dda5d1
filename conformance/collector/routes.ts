export async function compareRoutes(..._: unknown[]) {}
