namespace McpFilesServer.Dev;
