export async function checkFailures(..._: unknown[]) {}
