package catalogtool
import "github.com/tieline/tieline/internal/spec"
func (l *linter) house([]spec.File) {}
